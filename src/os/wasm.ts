/** WebAssembly that `bin/build-wasm` compiled to `build/`. */

import { readFileSync } from 'node:fs'
import { Failure } from '../base/failure.ts'
import { root } from './program.ts'

// the types of Node leave it to those of the browser
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => WasmModule
  Instance: new (module: WasmModule) => { readonly exports: unknown }
  CompileError: new () => Error
}

/** Compiled; can be sent to a thread. */
export type WasmModule = { readonly brand: unique symbol }

/** `build/<name>.wasm`; `null` where this machine has not all it needs. */
export function compileWasm(name: string): WasmModule | null {
  const file = new URL(`build/${name}.wasm`, root)
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    throw new Failure(`cannot read ${file.pathname}`, { remedy: 'run: npm run setup', cause })
  }
  try {
    return new WebAssembly.Module(bytes)
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) return null
    throw error
  }
}

/** The exports of a new instance, with a memory of its own. */
export function instantiateWasm<Exports>(module: WasmModule): Exports {
  return new WebAssembly.Instance(module).exports as Exports
}

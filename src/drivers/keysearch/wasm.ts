/** The WebAssembly of the key search, in the fastest build this machine can run. */

import { Failure } from '../../base/failure.ts'
import { compileWasm, instantiateWasm, type WasmModule } from '../../os/wasm.ts'
import { type KeySearchWasm, prepareTable } from '../../protocol/identity/search.ts'

/** `key-search` needs relaxed SIMD and a processor with fused multiply-add; the portable build takes half as long again. */
export const builds = ['key-search', 'key-search-portable'] as const

export function compileKeySearch(): WasmModule {
  for (const name of builds) {
    const module = compileWasm(name)
    if (module && instantiateWasm<KeySearchWasm>(module).usable()) return module
  }
  throw new Failure('this processor or this Node has no SIMD for WebAssembly, which the search for keys needs')
}

/** Ready for a search. */
export function instantiateKeySearch(module: WasmModule): KeySearchWasm {
  const wasm = instantiateWasm<KeySearchWasm>(module)
  prepareTable(wasm)
  return wasm
}

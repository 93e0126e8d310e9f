/** Bytes as values. */

/** For what is public: it takes as long as the two are alike. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

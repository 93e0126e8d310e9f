/** What we use of the npm package `proxy-from-env` 2, which brings no types. */
declare module 'proxy-from-env' {
  /** The proxy for a URL by `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case; `''`: none. */
  export function getProxyForUrl(url: string): string
}

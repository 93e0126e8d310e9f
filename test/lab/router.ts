/**
 * What makes a router of a host.
 *
 * A plain router forwards and nothing else. One with a NAT gets its rules from nat/rules.ts, once its sides (`wan`, `lan`) are
 * there: nat/internet.ts builds such.
 */

import type { Host } from './host.ts'

const forward = `
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
for it in all default; do echo 0 >/proc/sys/net/ipv4/conf/$it/send_redirects; done`

const kinds = {
  plain: async (host: Host) => {
    await host.ok(['sh', '-ec', forward])
  },
} satisfies Record<string, (host: Host) => Promise<void>>

export type RouterKind = keyof typeof kinds

export async function makeRouter(host: Host, kind: RouterKind): Promise<void> {
  await kinds[kind](host)
}

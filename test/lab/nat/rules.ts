/**
 * What each kind of NAT is in nftables: rules for a router whose outside is the interface `wan` and whose inside is `lan`.
 * Names of behaviours are RFC 4787's; test/nat/kinds.test.ts proves that each kind behaves as it is called.
 *
 *   kind                        mapping                    filtering                   port kept
 *   port-restricted             endpoint-independent       address-and-port-dependent  yes
 *   port-restricted-open-input  the same, but a packet from outside that comes first spoils the mapping
 *   symmetric                   address-and-port-dep.      address-and-port-dependent  no, random
 *   sequential                  address-and-port-dep.      address-and-port-dependent  no, the next one each time
 *   remapped                    endpoint-independent       address-and-port-dependent  no
 *   address-restricted          endpoint-independent       address-dependent           yes
 *   full-cone                   endpoint-independent       endpoint-independent        yes
 *   hairpin                     full-cone, and a host inside reaches another by its outside address
 *   tcp-only                    TCP, and no UDP
 *   udp-blocked                 TCP to port 443 and nothing else
 *   calls-only                  TCP to port 443, and UDP that begins as STUN or DTLS do
 *   proxy-only                  nothing: what gets out does so by a proxy on the router
 *
 * Linux maps endpoint-independently as long as no two hosts inside use one port: a source that has a mapping is given it again.
 */

export const natRules = [
  'port-restricted',
  'port-restricted-open-input',
  'symmetric',
  'sequential',
  'remapped',
  'address-restricted',
  'full-cone',
  'hairpin',
  'tcp-only',
  'udp-blocked',
  'calls-only',
  'proxy-only',
] as const
/** Of these, the ones that let out no UDP that they do not know, and what they do let out. */
export const withoutUdp: Readonly<Partial<Record<NatRule, string>>> = {
  'tcp-only': 'iifname "lan" meta l4proto tcp accept',
  'udp-blocked': 'iifname "lan" tcp dport 443 accept',
  // STUN's cookie, 4 bytes into it (RFC 8489 §5); the first byte of DTLS (RFC 7983 §7)
  'calls-only':
    'iifname "lan" tcp dport 443 accept; iifname "lan" meta l4proto udp @th,96,32 0x2112a442 accept; iifname "lan" meta l4proto udp @th,64,8 20-63 accept',
  'proxy-only': '',
}
export type NatRule = (typeof natRules)[number]

/** Addresses of the router that some kinds have to name. */
export type Sides = { readonly wan: string; readonly lan: string }

/** Ports of `sequential`: so many that a test does not come around. */
const firstPort = 40_000
const ports = 8_192

const masquerade = 'oifname "wan" masquerade'
const learnt = 'map fc { type inet_service : ipv4_addr; flags dynamic,timeout; timeout 2m; size 65535; }'
const learn = (what: string) =>
  `chain learn { type filter hook forward priority -10; iifname "lan" oifname "wan" meta l4proto udp ${what}; }`
const pre = (rule: string) => `chain pre { type nat hook prerouting priority dstnat; ${rule}; }`
const post = (...rules: string[]) => `chain post { type nat hook postrouting priority srcnat; ${rules.join('; ')}; }`
const coneIn = 'iifname "wan" meta l4proto udp dnat to udp dport map @fc'

const bodies: Record<NatRule, (sides: Sides) => string[]> = {
  'port-restricted': () => [post(masquerade)],
  'port-restricted-open-input': () => [post(masquerade)],
  symmetric: () => [post('oifname "wan" masquerade random,fully-random')],
  sequential: ({ wan }) => [
    // a map, since numgen alone counts in the machine's byte order
    post(`oifname "wan" meta l4proto udp snat to ${wan}:numgen inc mod ${ports} map { ${numbered()} }`, masquerade),
  ],
  // above the ports that the hosts use, so that none is kept by chance
  remapped: ({ wan }) => [post(`oifname "wan" meta l4proto udp snat to ${wan}:61000-65535`, masquerade)],
  'address-restricted': () => [
    learnt,
    'set ok { type inet_service . ipv4_addr; flags dynamic,timeout; timeout 2m; size 65535; }',
    learn('update @fc { udp sport : ip saddr } update @ok { udp sport . ip daddr }'),
    pre('iifname "wan" meta l4proto udp udp dport . ip saddr @ok dnat to udp dport map @fc'),
    post(masquerade),
  ],
  'full-cone': () => [learnt, learn('update @fc { udp sport : ip saddr }'), pre(coneIn), post(masquerade)],
  hairpin: ({ wan, lan }) => [
    learnt,
    learn('update @fc { udp sport : ip saddr }'),
    pre(`ip daddr ${wan} meta l4proto udp dnat to udp dport map @fc`),
    post(masquerade, `ip saddr ${lan} oifname "lan" ct status dnat snat to ${wan}`),
  ],
  'tcp-only': () => [post(masquerade)],
  'udp-blocked': () => [post(masquerade)],
  'calls-only': () => [post(masquerade)],
  'proxy-only': () => [post(masquerade)],
}

/** The whole rule set of a router; given again, it replaces the one before, with what that had learnt. */
export function routerRules(rule: NatRule, sides: Sides): string {
  const inside = withoutUdp[rule] ?? 'iifname "lan" accept'
  // A router that accepts what comes to itself cannot be punched: the packet of the other side, if it comes first, is taken for
  // the router's own, and ours then needs another port. Real ones drop.
  const policy = rule === 'port-restricted-open-input' ? 'accept' : 'drop'
  return ruleSet(
    'inet fw',
    `chain input { type filter hook input priority 0; policy ${policy}; iifname { "lo", "lan" } accept; ${answers}; }`,
    `chain forward { type filter hook forward priority 0; policy drop; ${inside}; ${answers}; ct status dnat accept; }`,
  ).concat(ruleSet('ip nat', ...bodies[rule](sides)))
}

const answers = 'ct state established,related accept; meta l4proto { icmp, ipv6-icmp } accept'

/** A host that lets in nothing but answers, as most distributions' firewalls. */
export const closedFirewall = ruleSet(
  'inet fw',
  `chain input { type filter hook input priority 0; policy drop; iifname "lo" accept; ${answers}; }`,
)

function ruleSet(table: string, ...body: string[]): string {
  return [`table ${table} {}`, `delete table ${table}`, `table ${table} {`, ...body, '}', ''].join('\n')
}

function numbered(): string {
  return Array.from({ length: ports }, (_, i) => `${i} : ${firstPort + i}`).join(', ')
}

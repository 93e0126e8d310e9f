/** wg-quick files of a hub and of one of its clients, with keys that anyone can make again. */

import { PrivateKey, toWgForm } from '../../../src/protocol/identity/key.ts'

const privateKeys = [1, 2, 3, 4].map(fill => new PrivateKey(new Uint8Array(32).fill(fill)))
/** In the form of `wg`. */
export const secret = privateKeys.map(key => key.reveal())
export const known = privateKeys.map(key => toWgForm(key.publicKey()))
/** In the form of network files. */
export const keys = privateKeys.map(key => key.publicKey())
/** A preshared key, not clamped: it does not look like a private one. */
export const psk = '/UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak='

export const hub = `# what everybody connects to
[Interface]
Address = 10.8.0.1/24, fd42:42:42::1/64
ListenPort = 51820
PrivateKey = ${secret[0]}
MTU = 1380
SaveConfig = true
PostUp = iptables -A FORWARD -i %i -j ACCEPT

### Client alice
[Peer]
PublicKey = ${known[1]}
PresharedKey = ${psk}
AllowedIPs = 10.8.0.2/32,fd42:42:42::2/128
PersistentKeepalive = 25

[Peer] # Bob's phone
publickey=${known[2]}
PresharedKey = ${psk}
AllowedIPs = 10.8.0.3/32, 192.168.7.0/24
Endpoint = bob.example.org:4000

[Peer]
PublicKey = ${known[3]}
AllowedIPs =
`

export const client = `[Interface]
Address = 10.8.0.2/32
PrivateKey = ${secret[1]}
DNS = 10.8.0.1

[Peer]
PublicKey = ${known[0]}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = vpn.example.org:51820
`

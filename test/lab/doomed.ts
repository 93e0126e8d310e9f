/**
 * A lab that the test of crashes kills with kill -9. Its argument is the pid of a host of another lab, into whose network
 * it puts the end of a cable: that end is gone when, and only when, the kernel has removed our network.
 */

import { spawnSync } from 'node:child_process'
import { createLab } from './lab.ts'

const lab = await createLab()
const lan = await lab.switch('lan')
const host = await lab.host('doomed')
await lab.link(host, lan, { addresses: ['192.0.2.1/24'] })
await host.ok(['sh', '-c', 'setsid sleep 1000 </dev/null >/dev/null 2>&1 &'])
await host.ok(['wireguard-go', 'wg0']) // goes to the background itself
const cable = `link add dev cable type veth peer name cable netns ${process.argv[2]}`
spawnSync('nsenter', ['-t', String(host.pid), '-n', 'ip', ...cable.split(' ')], { stdio: 'inherit' })
const running = host.spawn(['sleep', '1000'])
await host.until(['pgrep', '-xc', 'sleep'], it => it.out.trim() === '2')
console.log('ready')
await running.ended

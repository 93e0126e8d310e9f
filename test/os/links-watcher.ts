// Run on a lab host: says each change of addresses or default routes, with the time and what there is then.

import { readFileSync } from 'node:fs'
import { systemLinks } from '../../src/os/links.ts'

const hasDefault = () => /\t00000000\t[0-9A-F]{8}\t0003/.test(readFileSync('/proc/net/route', 'utf8'))

systemLinks.watch(() => {
  const all = systemLinks.addresses().map(({ address }) => address)
  console.log(`changed ${Date.now()} ${all.join(' ')} ${hasDefault() ? 'via' : ''}`)
})
console.log('watching')
process.stdin.resume()

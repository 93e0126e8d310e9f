import assert from 'node:assert/strict'
import { test } from 'node:test'
import { removeLeftover } from '../../../src/drivers/relay/leftover.ts'

/** An `nft` with these exit statuses, in their order. */
function nft(...codes: number[]) {
  const ran: string[] = []
  const run = async (argv: readonly string[]) => {
    ran.push(argv.join(' '))
    return { code: codes.shift() ?? 0, out: '', err: 'Error: Device or resource busy\n' }
  }
  return { ran, run }
}

test('the table of this port is deleted', async () => {
  const programs = nft(0)
  await removeLeftover(programs, 51820)
  assert.deepEqual(programs.ran, ['nft delete table netdev wh_relay_51820'])
})

test('none there, or no nft: nothing happens; one that stays is said', async () => {
  await removeLeftover(nft(1, 1), 51820)
  await removeLeftover(nft(127, 127), 51820)
  await assert.rejects(removeLeftover(nft(1, 0), 51820), {
    message: 'the table wh_relay_51820 of nftables cannot be removed: Error: Device or resource busy',
  })
})

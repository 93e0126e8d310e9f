/** The members of a network as a table. `-` stands for what a member does not have. */

import { workbitOf } from '../../protocol/identity/workbit.ts'
import type { Member, Network } from '../../protocol/network/types.ts'
import { endpointText } from '../../protocol/network/values.ts'
import { table } from './table.ts'

export function membersTable(members: readonly Member[], network: Network): string {
  const rows = [['HOSTNAME', 'IPV4', 'IPV6', 'KEY', 'WORKBIT', 'ENDPOINT']]
  for (const { hostname, ipv4, ipv6, key, endpoint } of members) {
    const work = String(workbitOf(key, network.namespace))
    rows.push([hostname ?? '-', ipv4 ?? '-', ipv6, key, work, endpoint ? endpointText(endpoint) : '-'])
  }
  return table(rows).join('\n')
}

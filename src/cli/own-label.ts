/** What a machine is called where nobody says. */

import { hostname as machineName } from 'node:os'

/** This machine's name as the first label of a member's. */
export function ownLabel(): string {
  const label = machineName()
    .split('.')[0]!
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return label === '' || label === 'localhost' ? 'node' : label.slice(0, 63)
}

/** What commands share that speak of one network as a whole. */

import { Flags } from '@oclif/core'

export const networkFlags = {
  network: Flags.string({ description: 'of which network, if several are up', helpValue: 'NAME' }),
  json: Flags.boolean({ description: 'for scripts' }),
}

/** Questions to the ssh-agent: one message there, one back, on its unix socket. */

import { connect } from 'node:net'

export interface SshAgents {
  /** The answer, without its length. @throws with `code`, `ETIMEDOUT` and `EPROTO` too. */
  ask(socket: string, message: Uint8Array): Promise<Uint8Array>
}

/** OpenSSH's own bound. */
const mostBytes = 256 * 1024
/** An agent may ask its owner, who may be elsewhere for a moment. */
const patience = 120_000

const coded = (code: string, message: string) => Object.assign(new Error(message), { code })

export const systemSshAgents: SshAgents = {
  ask(path, message) {
    return new Promise((resolve, reject) => {
      const socket = connect(path)
      let answer = Buffer.alloc(0)
      const end = (error?: Error) => {
        socket.destroy()
        if (error) reject(error)
      }
      socket.setTimeout(patience, () => end(coded('ETIMEDOUT', `no answer within ${patience / 1000} s`)))
      socket.on('error', end)
      socket.on('close', () => reject(coded('EPROTO', 'it ended the connection without an answer')))
      socket.on('data', data => {
        answer = Buffer.concat([answer, data])
        if (answer.length < 4) return
        const length = answer.readUInt32BE()
        if (length === 0 || length > mostBytes) return end(coded('EPROTO', `an answer of ${length} bytes`))
        if (answer.length < 4 + length) return
        resolve(Uint8Array.from(answer.subarray(4, 4 + length)))
        end()
      })
      const length = Buffer.alloc(4)
      length.writeUInt32BE(message.length)
      socket.write(Buffer.concat([length, message]))
    })
  },
}

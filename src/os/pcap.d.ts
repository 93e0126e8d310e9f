/** What we use of the npm package `pcap` 3, down to the object of its compiled part: its own types do not show that. */
declare module 'pcap' {
  export type Native = {
    read_callback: () => void
    /** Gives what there is to the session's `packet` listeners. -2: closed by `close()`, and so closed for good. */
    dispatch(buffer: Buffer, header: Buffer): number
    stats(): { ps_recv: number; ps_drop: number; ps_ifdrop: number }
  }
  export type Session = {
    readonly link_type: string
    readonly session: Native
    readonly buf: Buffer
    readonly header: Buffer
    /** The packet is overwritten by the next one. Header: seconds, microseconds, captured and real length, 4 bytes each. */
    on(event: 'packet', call: (packet: { buf: Buffer; header: Buffer }) => void): void
    close(): void
  }
  const pcap: {
    readonly lib_version: string
    warningHandler: (text: string) => void
    createSession(
      device: string,
      options: {
        filter: string
        buffer_size: number
        snap_length: number
        /** 0: no packet waits for another. */
        buffer_timeout: number
        promiscuous: boolean
      },
    ): Session
  }
  export default pcap
}

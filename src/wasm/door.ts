/** Memory through which the caller speaks with this module. */

/** Written by the caller: two elements of the field (u and v of a point), or a namespace of up to 64 bytes. */
export const INPUT: usize = memory.data(64, 16)

/** Read by the caller: after a hit, the 32 bytes of the key as computed here. */
export const OUTPUT: usize = memory.data(64, 16)

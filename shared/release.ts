/**
 * Gives the memory of a chunk back at once. The collector would let 64 MB of such buffers pile up, because they lie
 * outside its heap. Only for whoever owns the chunk: it is empty afterwards. A part of a larger buffer is left alone.
 */
export function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/*
 * One io_uring(7) through which a lone change goes to many sockets in one system call: entering the kernel costs more than
 * the way of a hundred octets through it. A hot file: the ring is memory shared with the kernel, written through views of
 * 32-bit words. Sends never wait, so the kernel has done them all when io_uring_enter returns, in their order.
 *
 *     submission entry (struct io_uring_sqe), words    0: opcode | flags   1: fd   4,5: address   6: length   7: MSG flags   8,9: user data
 *     completion entry (struct io_uring_cqe), words    0,1: user data      2: result, or minus errno
 */
import { libc, type SharedMemory, shareMemory } from "./libc.ts";

/** Sends of one system call. */
export const RING_ENTRIES = 128;
/** Their octets; equal buffers are copied once. */
const ARENA_OCTETS = 64 * 1024;

const SUBMIT_ALL = 1 << 7;
const OPERATION_SEND = 26;
const SUBMISSION_OCTETS = 64;
const COMPLETION_OCTETS = 16;
/** Where io_uring_enter(2) and mmap(2) expect the parts of a ring. */
const OFFSET = { submissionRing: 0, completionRing: 0x800_0000, submissions: 0x1000_0000 } as const;
/** Words of struct io_uring_params. */
const PARAMETER = { flags: 2, submissionOffsets: 10, completionOffsets: 20, words: 30 } as const;
/** Neither waits nor raises SIGPIPE. */
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
const WORD = 4;

/** Collects sends and does them at once. */
export class SendRing {
  /** What became of each send, by its number: octets that the kernel took, or minus an errno. Valid until the next submit. */
  readonly results = new Int32Array(RING_ENTRIES);
  readonly #fd: number;
  readonly #arena: SharedMemory;
  readonly #octets: Uint8Array;
  readonly #submissions: Uint32Array;
  readonly #submissionRing: Uint32Array;
  readonly #completionRing: Uint32Array;
  readonly #completions: Int32Array;
  readonly #tail: number;
  readonly #completionHead: number;
  readonly #completionTail: number;
  readonly #mask: number;
  readonly #completionMask: number;
  #count = 0;
  #arenaEnd = 0;
  #last: Uint8Array | undefined;
  #lastAt = 0;

  private constructor(fd: number, parameters: Uint32Array) {
    this.#fd = fd;
    const at = (offset: number) => parameters[offset] as number;
    const { submissionOffsets: sq, completionOffsets: cq } = PARAMETER;
    const [entries, completions] = [at(0), at(1)];
    // Offsets in octets, in the order of struct io_sqring_offsets: head, tail, mask, entries, flags, dropped, array.
    const array = at(sq + 6);
    const ring = shareMemory(array + entries * WORD, { fd, offset: OFFSET.submissionRing });
    const first = at(cq + 5);
    const done = shareMemory(first + completions * COMPLETION_OCTETS, {
      fd,
      offset: OFFSET.completionRing,
    });
    const submissions = shareMemory(entries * SUBMISSION_OCTETS, {
      fd,
      offset: OFFSET.submissions,
    });
    this.#submissionRing = new Uint32Array(ring.memory);
    this.#completionRing = new Uint32Array(done.memory);
    this.#completions = new Int32Array(done.memory, first);
    this.#submissions = new Uint32Array(submissions.memory);
    this.#tail = at(sq + 1) / WORD;
    this.#mask = this.#submissionRing[at(sq + 2) / WORD] as number;
    this.#completionHead = at(cq) / WORD;
    this.#completionTail = at(cq + 1) / WORD;
    this.#completionMask = this.#completionRing[at(cq + 2) / WORD] as number;
    for (let i = 0; i < entries; i++) this.#submissionRing[array / WORD + i] = i;
    this.#arena = shareMemory(ARENA_OCTETS);
    this.#octets = new Uint8Array(this.#arena.memory);
  }

  /** Undefined where the kernel has no io_uring, or forbids it, as container engines and some distributions do. */
  static open(): SendRing | undefined {
    const parameters = new Uint32Array(PARAMETER.words);
    parameters[PARAMETER.flags] = SUBMIT_ALL;
    const fd = libc().ioUringSetup(RING_ENTRIES, parameters);
    return fd < 0 ? undefined : new SendRing(fd, parameters);
  }

  /** Sends that wait for submit. */
  get count(): number {
    return this.#count;
  }

  /** Notes a send, whose number is the count before; false when there is no more room. */
  add(fd: number, bytes: Uint8Array): boolean {
    if (this.#count === RING_ENTRIES) return false;
    if (bytes !== this.#last) {
      if (this.#arenaEnd + bytes.length > ARENA_OCTETS) return false;
      this.#octets.set(bytes, this.#arenaEnd);
      this.#last = bytes;
      this.#lastAt = this.#arenaEnd;
      this.#arenaEnd += bytes.length;
    }
    const tail = this.#submissionRing[this.#tail] as number;
    const at = (((tail + this.#count) & this.#mask) * SUBMISSION_OCTETS) / WORD;
    const address = this.#arena.address + this.#lastAt;
    const words = this.#submissions.fill(0, at, at + SUBMISSION_OCTETS / WORD);
    words[at] = OPERATION_SEND;
    words[at + 1] = fd;
    words[at + 4] = address >>> 0;
    words[at + 5] = Math.floor(address / 0x1_0000_0000);
    words[at + 6] = bytes.length;
    words[at + 7] = MSG_DONTWAIT_NOSIGNAL;
    words[at + 8] = this.#count++;
    return true;
  }

  /** Does what was noted; `results` has the outcome. */
  submit(): void {
    const count = this.#count;
    this.#count = 0;
    this.#arenaEnd = 0;
    this.#last = undefined;
    this.results.fill(-EAGAIN, 0, count);
    this.#submissionRing[this.#tail] = ((this.#submissionRing[this.#tail] as number) + count) >>> 0;
    libc().ioUringEnter(this.#fd, count, 0, 0, null, 0);
    const tail = this.#completionRing[this.#completionTail] as number;
    let head = this.#completionRing[this.#completionHead] as number;
    for (; head !== tail; head = (head + 1) >>> 0) {
      const at = ((head & this.#completionMask) * COMPLETION_OCTETS) / WORD;
      this.results[this.#completions[at] as number] = this.#completions[at + 2] as number;
    }
    this.#completionRing[this.#completionHead] = head;
  }
}

const EAGAIN = 11;

/**
 * Longest match over prefixes, one bit a level: small and obvious rather than compact. It holds the routes that the
 * kernel had before us, tens or hundreds of them; the table of learned routes never comes here.
 */
export class LongestMatchTrie<Value> {
  readonly #root: TrieNode<Value> = newNode();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The value of exactly this prefix. */
  get(address: Uint8Array, length: number): Value | undefined {
    let node: TrieNode<Value> | undefined = this.#root;
    for (let i = 0; i < length && node; i++) node = child(node, bit(address, i));
    return node?.value;
  }

  set(address: Uint8Array, length: number, value: Value): void {
    let node = this.#root;
    for (let i = 0; i < length; i++) {
      const next: TrieNode<Value> = child(node, bit(address, i)) ?? newNode();
      if (bit(address, i) === 1) node.one = next;
      else node.zero = next;
      node = next;
    }
    if (node.value === undefined) this.#size++;
    node.value = value;
  }

  delete(address: Uint8Array, length: number): void {
    const path: TrieNode<Value>[] = [this.#root];
    for (let i = 0; i < length; i++) {
      const next = child(path[i] as TrieNode<Value>, bit(address, i));
      if (next === undefined) return;
      path.push(next);
    }
    const last = path[length] as TrieNode<Value>;
    if (last.value === undefined) return;
    last.value = undefined;
    this.#size--;
    // Branches that lead nowhere are cut, or a table that comes and goes would grow for ever.
    for (let i = length; i > 0 && isEmpty(path[i] as TrieNode<Value>); i--) {
      const parent = path[i - 1] as TrieNode<Value>;
      if (bit(address, i - 1) === 1) parent.one = undefined;
      else parent.zero = undefined;
    }
  }

  /** The value of the longest prefix that covers the address and that `accept` takes; all covering prefixes are offered, longest first. */
  longestMatch(address: Uint8Array, accept: (value: Value) => boolean): Value | undefined {
    const covering: Value[] = [];
    let node: TrieNode<Value> | undefined = this.#root;
    for (let i = 0; node; i++) {
      if (node.value !== undefined) covering.push(node.value);
      node = i < address.length * 8 ? child(node, bit(address, i)) : undefined;
    }
    return covering.findLast(accept);
  }
}

type TrieNode<Value> = {
  zero: TrieNode<Value> | undefined;
  one: TrieNode<Value> | undefined;
  value: Value | undefined;
};

/** All nodes have one shape: thousands of next hops are looked up here during a full feed. */
function newNode<Value>(): TrieNode<Value> {
  return { zero: undefined, one: undefined, value: undefined };
}

function bit(address: Uint8Array, index: number): number {
  return ((address[index >> 3] as number) >> (7 - (index & 7))) & 1;
}

function child<Value>(node: TrieNode<Value>, side: number): TrieNode<Value> | undefined {
  return side === 1 ? node.one : node.zero;
}

function isEmpty(node: TrieNode<unknown>): boolean {
  return node.value === undefined && node.zero === undefined && node.one === undefined;
}

import { hash } from 'node:crypto';
import { hashBytes } from './hashBytes.ts';

/** SHA-256 of nothing: the root of a tree without leaves (RFC 6962, section 2.1). */
const emptyRoot = hash('sha256', '');
/** Where the children of a node are: 0x01 ‖ left ‖ right. */
const [left, right, nodeLength] = [1, 33, 65] as const;

/**
 * The RFC 6962 Merkle tree over a ledger's records, as far as it is needed to grow: the roots of its
 * complete subtrees, largest first. A record's hash is its leaf hash. Hashes are lower-case hex.
 */
export class MerkleTree {
  /** The last node of each height; its left child is a complete subtree where the size has that bit. */
  readonly #nodes: Buffer[] = [];
  #size: number;

  constructor(size = 0, subtrees: readonly string[] = []) {
    this.#size = size;
    for (const [index, height] of heights(size).entries())
      this.#node(height).write(subtrees[index] ?? '', left, 'hex');
  }

  /** Roots of the complete subtrees, one for each bit that is set in the number of leaves. */
  get subtrees(): string[] {
    return heights(this.#size).map((height) => this.#node(height).toString('hex', left, right));
  }

  add(leafHash: string): void {
    let node = this.#node(0);
    node.set(hashBytes(leafHash), childOf(this.#size));
    for (let [size, height] = [this.#size, 1]; size % 2 === 1; height += 1) {
      // Binary, because hex would have to be read again.
      const root = hash('sha256', node, 'binary');
      size = (size - 1) / 2;
      node = this.#node(height);
      node.write(root, childOf(size), 'binary');
    }
    this.#size += 1;
  }

  root(): string {
    return this.#size === 0 ? emptyRoot : this.subtrees.reduceRight((after, before) => parent(before, after));
  }

  #node(height: number): Buffer {
    return (this.#nodes[height] ??= Buffer.alloc(nodeLength).fill(1, 0, left));
  }
}

/** Heights of the complete subtrees, largest first. */
function heights(size: number): number[] {
  const bits = size.toString(2);
  return [...bits.matchAll(/1/g)].map(({ index }) => bits.length - 1 - index);
}

/** Where the next child goes in a node that follows so many of its height. */
function childOf(size: number): number {
  return size % 2 === 0 ? left : right;
}

/** SHA-256(0x01 ‖ left ‖ right). */
function parent(before: string, after: string): string {
  return hash('sha256', Buffer.from(`01${before}${after}`, 'hex'));
}

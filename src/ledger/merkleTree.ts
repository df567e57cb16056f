import { hash } from 'node:crypto';

/** SHA-256 of nothing: the root of a tree without leaves (RFC 6962, section 2.1). */
const emptyRoot = hash('sha256', '');

const node = Buffer.alloc(65);
node[0] = 1;

/**
 * The RFC 6962 Merkle tree over a ledger's records, as far as it is needed to grow: the roots of its
 * complete subtrees, largest first. A record's hash is its leaf hash. Hashes are lower-case hex.
 */
export class MerkleTree {
  readonly #subtrees: string[];
  #size: number;

  constructor(size = 0, subtrees: readonly string[] = []) {
    this.#size = size;
    this.#subtrees = [...subtrees];
  }

  /** Roots of the complete subtrees, one for each bit that is set in the number of leaves. */
  get subtrees(): string[] {
    return [...this.#subtrees];
  }

  add(leafHash: string): void {
    let root = leafHash;
    for (let size = this.#size; size % 2 === 1; size = (size - 1) / 2)
      root = parent(this.#subtrees.pop() as string, root);
    this.#subtrees.push(root);
    this.#size += 1;
  }

  root(): string {
    return this.#subtrees.length === 0
      ? emptyRoot
      : this.#subtrees.reduceRight((right, left) => parent(left, right));
  }
}

/** SHA-256(0x01 ‖ left ‖ right). */
function parent(left: string, right: string): string {
  node.write(left, 1, 'hex');
  node.write(right, 33, 'hex');
  return hash('sha256', node);
}

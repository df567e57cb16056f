import { inflateSync } from 'node:zlib';
import { imageSize } from 'image-size';
import type { ImageType } from './messages.ts';

/** An image's format and size in pixels, from its bytes. */
export interface ImageFacts {
  type: ImageType;
  width: number;
  height: number;
}

const typesByFormat: Readonly<Record<string, ImageType | undefined>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
};

/** The first bytes of each supported format. */
const beginnings: readonly (readonly [offset: number, text: string])[] = [
  [0, '\x89PNG\r\n\x1a\n'],
  [0, '\xff\xd8\xff'],
  [0, 'GIF8'],
  [8, 'WEBP'],
];

/** An image's format and size, from base64; null for one that no model takes, or whose size can't be read. */
export function imageFacts(base64: string): ImageFacts | null {
  const bytes = Buffer.from(base64, 'base64');
  if (!beginnings.some(([offset, text]) => bytes.toString('latin1', offset, offset + text.length) === text))
    return null;
  try {
    const { type = '', width, height, orientation = 1 } = imageSize(alone(bytes));
    const mediaType = typesByFormat[type];
    if (!mediaType || !(width > 0) || !(height > 0)) return null;
    // From 5 on the picture is rotated by 90°.
    return orientation > 4
      ? { type: mediaType, width: height, height: width }
      : { type: mediaType, width, height };
  } catch {
    return null;
  }
}

/** Small buffers share memory, and the image reader reads beyond the end of a truncated one. */
function alone(bytes: Buffer): Uint8Array {
  return bytes.byteLength < bytes.buffer.byteLength ? new Uint8Array(bytes) : bytes;
}

/** The most bytes of all object streams of a document together, unpacked. */
const mostUnpackedBytes = 50_000_000;

/**
 * The most pages that a PDF in base64 can have; null where that can't be known, as for an encrypted one. Page objects
 * are in the file itself or, packed, in its object streams (ISO 32000-2, 7.5.7 and 7.7.3.3).
 */
export function pdfPages(base64: string): number | null {
  const bytes = Buffer.from(base64, 'base64');
  const text = bytes.toString('latin1');
  if (!text.startsWith('%PDF-') || /\/Encrypt\b/.test(text)) return null;
  let pages = countPages(text);
  let left = mostUnpackedBytes;
  for (const { index, 0: begin, 1: dictionary = '' } of text.matchAll(
    /<<((?:[^<>]|<<[^<>]*>>|<[^<>]*>)*)>>\s*stream\r?\n/g,
  )) {
    if (!/\/ObjStm\b/.test(dictionary)) continue;
    if (
      !/\/Filter\s*(?:\[\s*)?\/FlateDecode\s*(?:\]|\/|$)/.test(dictionary.trim()) ||
      /\/DecodeParms/.test(dictionary)
    )
      return null;
    const end = text.indexOf('endstream', index + begin.length);
    if (end < 0) return null;
    try {
      const unpacked = inflateSync(bytes.subarray(index + begin.length, end), { maxOutputLength: left });
      left -= unpacked.length;
      pages += countPages(unpacked.toString('latin1'));
    } catch {
      return null;
    }
  }
  return pages > 0 ? pages : null;
}

/** The number of page objects, or the count in a page tree, whichever is more. */
function countPages(text: string): number {
  const objects = [...text.matchAll(/\/Type\s*\/Page(?![\w#])/g)].length;
  const counts = [...text.matchAll(/\/Count\s+(\d{1,9})/g)].map(([, count]) => Number(count));
  return Math.max(objects, ...counts);
}

import { deflateSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { imageFacts, pdfPages } from '../../../src/content/media.ts';
import { pdf, png } from '../../support/richRequests.ts';

function base64(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64');
}

/** A PDF whose pages stand packed in an object stream, as most writers make them. */
function packed(pages: number, filter = '/Filter /FlateDecode'): string {
  const objects = Array.from({ length: pages }, () => '<< /Type /Page /Parent 2 0 R >>').join('\n');
  const data = deflateSync(objects).toString('latin1');
  return base64(
    `%PDF-1.7\n5 0 obj\n<< /Type /ObjStm /N ${pages} /First 9 ${filter} /Length ${data.length} >>\nstream\n${data}\nendstream\nendobj`,
  );
}

describe('the pages of a PDF', () => {
  it.each([1, 7, 300])('are counted where they stand plain and where they are packed: %i', (pages) => {
    expect(pdfPages(pdf(pages))).toBe(pages);
    expect(pdfPages(packed(pages))).toBe(pages);
  });

  it('are at least as many as their tree says', () => {
    const claims = base64('%PDF-1.7\n<< /Type /Pages /Count 40 >>\n<< /Type /Page >>');
    expect(pdfPages(claims)).toBe(40);
  });

  it.each([
    ['encrypted', base64('%PDF-1.7\n<< /Type /Page >>\ntrailer << /Encrypt 9 0 R >>')],
    ['without any', base64('%PDF-1.7\n')],
    ['no PDF', base64('hello')],
    ['packed in another way', packed(3, '/Filter [/ASCII85Decode /FlateDecode]')],
    ['packed with a predictor', packed(3, '/Filter /FlateDecode /DecodeParms << /Predictor 12 >>')],
    ['cut within a stream', base64(Buffer.from(packed(3), 'base64').toString('latin1').slice(0, 120))],
  ])('are not known of one that is %s', (_name, data) => {
    expect(pdfPages(data)).toBeNull();
  });

  it('of one that unpacks to more than any are not known', () => {
    const bomb = deflateSync(Buffer.alloc(60_000_000, ' ')).toString('latin1');
    const data = base64(
      `%PDF-1.7\n<< /Type /Page >>\n<< /Type /ObjStm /Filter /FlateDecode >>\nstream\n${bomb}\nendstream`,
    );
    expect(pdfPages(data)).toBeNull();
  });
});

describe('what an image is', () => {
  it('is not known of one that ends before its size, whatever lies behind it in memory', () => {
    const cut = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
    // As small buffers lie in the memory that they share.
    const shared = Buffer.alloc(64, 'surely some text');
    shared.set(cut, 8);
    vi.spyOn(Buffer, 'from').mockReturnValueOnce(shared.subarray(8, 8 + cut.length));
    expect(imageFacts(cut.toString('base64'))).toBeNull();
    vi.restoreAllMocks();
  });

  it('is told by its bytes', () => {
    expect(imageFacts(png(640, 480))).toEqual({ type: 'image/png', width: 640, height: 480 });
    const gif = Buffer.from('GIF89a\x20\x00\x10\x00', 'latin1').toString('base64');
    expect(imageFacts(gif)).toEqual({ type: 'image/gif', width: 32, height: 16 });
  });

  it.each([
    ['SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'],
    ['nothing', ''],
    ['the beginning of a PNG', '\x89PNG\r\n\x1a\n'],
    ['BMP', 'BM\x46\x00\x00\x00'],
  ])('is not known of %s', (_name, bytes) => {
    expect(imageFacts(base64(bytes))).toBeNull();
  });
});

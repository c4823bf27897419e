// SPDX-License-Identifier: Apache-2.0
// Makes a picture of flat colours small: a palette instead of full colour. PNG, RFC 2083.
import { deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const TABLE = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});
const crcOf = (data) => (data.reduce((crc, byte) => TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;

function paeth(a, b, c) {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  if (pa <= pb && pa <= pc) return a;
  return pb <= pc ? b : c;
}

// Chromium's kind: 8 bits, RGB or RGBA, not interlaced. One number a pixel, 0xrrggbb.
function pixelsOf(png) {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const step = { 2: 3, 6: 4 }[png[25]];
  if (png[24] !== 8 || !step || png[28] !== 0) throw new Error('another kind of PNG');
  const parts = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * step;
  const row = Buffer.alloc(stride);
  const pixels = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    const above = Buffer.from(row);
    for (let x = 0; x < stride; x++) {
      const [a, b, c] = [x >= step ? row[x - step] : 0, above[x], x >= step ? above[x - step] : 0];
      const add = [0, a, b, (a + b) >> 1, filter === 4 ? paeth(a, b, c) : 0][filter];
      row[x] = raw[y * (stride + 1) + 1 + x] + add;
    }
    for (let x = 0; x < width; x++) pixels[y * width + x] = (row[x * step] << 16) | (row[x * step + 1] << 8) | row[x * step + 2];
  }
  return { width, height, pixels };
}

const distance = (one, two) => ((one >> 16) - (two >> 16)) ** 2 + (((one >> 8) & 255) - ((two >> 8) & 255)) ** 2 + ((one & 255) - (two & 255)) ** 2;

const PLAIN = 24; // the colours of large areas, kept however near they are

// The colours that are there most, none of them too near another; every other becomes its nearest.
function paletteOf(pixels, most) {
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const palette = [];
  const near = 12000 / most; // squared
  for (const [colour] of [...counts].sort(([, one], [, two]) => two - one)) {
    if (palette.length < PLAIN || (palette.length < most && palette.every((other) => distance(colour, other) > near))) palette.push(colour);
  }
  const nearest = new Map();
  for (const colour of counts.keys()) {
    let best = 0;
    for (let n = 1; n < palette.length; n++) if (distance(colour, palette[n]) < distance(colour, palette[best])) best = n;
    nearest.set(colour, best);
  }
  return { palette, nearest };
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crcOf(body), body.length + 4);
  return out;
}

// The same picture with at most `most` colours (2 to 256).
export function withPalette(png, most) {
  const { width, height, pixels } = pixelsOf(png);
  const { palette, nearest } = paletteOf(pixels, most);
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = nearest.get(pixels[y * width + x]);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('PLTE', Buffer.from(palette.flatMap((c) => [c >> 16, (c >> 8) & 255, c & 255]))),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })), chunk('IEND', Buffer.alloc(0))]);
}

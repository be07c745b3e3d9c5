// From a picture of any size to a model's input, the same bytes as edgecnn/data/images.py makes.
//
// Browsers scale pictures each in their own way. This is Pillow's way (its Resample.c and
// Geometry.c): a filter as wide as the step, weights of 22 bits, along rows and along columns,
// rounded to 8 bits after each. Filters without antialiasing mix the four nearest pixels, as
// edgecnn/data/sampling.py does.

const WEIGHT_BITS = 22;
const HALF = 1 << (WEIGHT_BITS - 1);

const FILTERS = {
  bilinear: {
    support: 1,
    weight: (x) => Math.max(0, 1 - Math.abs(x)),
  },
  bicubic: {
    support: 2,
    weight: (x) => {
      const a = -0.5;
      const t = Math.abs(x);
      if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
      if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
      return 0;
    },
  },
};

/** Where filters without antialiasing sample, as SamplingGrid of edgecnn/data/sampling.py says. */
const GRIDS = {
  "bilinear-no-antialias": { centre: 0.5, bits: 11 },
  "bilinear-asymmetric": { centre: 0, bits: 5 },
};

/**
 * Bring a picture to a model's size as the model's geometry says; one of that size is not touched.
 *
 * @param {{data: Uint8ClampedArray, width: number, height: number}} picture RGBA pixels.
 * @param {object} spec The input as edgecnn describes it: height, width, color_order, resize,
 *     crop_fraction, interpolation.
 * @return {Uint8Array} height x width x channels, RGB or grey.
 */
export function fit(picture, spec) {
  const source = spec.color_order === "GRAY" ? greyOf(picture) : rgbOf(picture);
  const { width, height } = picture;
  if (width === spec.width && height === spec.height) return source.pixels;
  if (spec.resize === "pad") return padded(source, spec);
  const [rows, columns] =
    spec.resize === "crop"
      ? centre(picture, spec)
      : [span(height, spec.height, spec.height), span(width, spec.width, spec.width)];
  return resized(source, columns, rows, spec.interpolation);
}

/** The rows and columns of the centre: the shorter side is scaled, and both sides are cut. */
function centre({ width, height }, spec) {
  const wanted = [spec.height / spec.crop_fraction, spec.width / spec.crop_fraction];
  const scale = Math.max(toEven(wanted[0]) / height, toEven(wanted[1]) / width);
  return [
    span(height, Math.max(spec.height, toEven(height * scale)), spec.height),
    span(width, Math.max(spec.width, toEven(width * scale)), spec.width),
  ];
}

/** The whole picture in the middle, between black borders. */
function padded(source, spec) {
  const scale = Math.min(spec.height / source.height, spec.width / source.width);
  const height = Math.max(1, toEven(source.height * scale));
  const width = Math.max(1, toEven(source.width * scale));
  const columns = span(source.width, width, width);
  const rows = span(source.height, height, height);
  const inner = resized(source, columns, rows, spec.interpolation);
  const { channels } = source;
  const made = new Uint8Array(spec.height * spec.width * channels);
  const top = Math.floor((spec.height - height) / 2);
  const left = Math.floor((spec.width - width) / 2);
  for (let y = 0; y < height; y++) {
    const row = inner.subarray(y * width * channels, (y + 1) * width * channels);
    made.set(row, ((top + y) * spec.width + left) * channels);
  }
  return made;
}

function resized(source, columns, rows, interpolation) {
  if (interpolation === "nearest") return nearest(source, columns, rows);
  if (GRIDS[interpolation]) return sampled(source, columns, rows, GRIDS[interpolation]);
  const filter = FILTERS[interpolation];
  const lost = [source.height - rows.size, source.width - columns.size];
  const columnsFirst = lost[0] > Math.max(0, 2 * lost[1]);
  const passes = [
    (image) => resizeRows(image, columns, filter),
    (image) => resizeColumns(image, rows, filter),
  ];
  if (columnsFirst) passes.reverse();
  const fitted = passes.reduce((image, pass) => pass(image), source);
  return new Uint8Array(fitted.pixels.buffer);
}

/**
 * Turn cut pixels into what the model's input takes.
 *
 * @param {Uint8Array} pixels From fit().
 * @param {object} spec The input as edgecnn describes it: mean, std, color_order.
 * @param {string} type "uint8" takes the pixels as they are, "float32" normalised values.
 * @return {Uint8Array|Float32Array}
 */
export function toTensor(pixels, spec, type) {
  if (type === "uint8") return pixels;
  const channels = spec.mean.length;
  const mean = Float32Array.from(spec.mean);
  const std = Float32Array.from(spec.std);
  const tensor = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const channel = i % channels;
    const from = spec.color_order === "BGR" ? i - 2 * channel + channels - 1 : i;
    // In single precision after each step, as the rest of edgecnn has it.
    tensor[i] = Math.fround(pixels[from] - mean[channel]) / std[channel];
  }
  return tensor;
}

function rgbOf({ data, width, height }) {
  const pixels = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < pixels.length; from += 4, to += 3) {
    pixels[to] = data[from];
    pixels[to + 1] = data[from + 1];
    pixels[to + 2] = data[from + 2];
  }
  return { pixels, width, height, channels: 3 };
}

function greyOf({ data, width, height }) {
  const pixels = new Uint8Array(width * height);
  for (let from = 0, to = 0; to < pixels.length; from += 4, to++) {
    // ITU-R 601 luma in 16 bits.
    pixels[to] = (data[from] * 19595 + data[from + 1] * 38470 + data[from + 2] * 7471 + 0x8000) >> 16;
  }
  return { pixels, width, height, channels: 1 };
}

/** Round halves to the even neighbour, as Python does. */
function toEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 ? below + 1 : below;
}

/** Which part of a side is shown, in single precision as Pillow takes it, and at how many pixels. */
function span(side, scaled, size) {
  const first = Math.floor((scaled - size) / 2);
  const step = side / scaled;
  return {
    side,
    size,
    scaled,
    first,
    begin: Math.fround(first * step),
    end: Math.fround((first + size) * step),
  };
}

function isWhole({ side, size, begin, end }) {
  return side === size && begin === 0 && end === side;
}

/** For each output pixel: the first source pixel, and the weights from there on. */
function weightsOf({ side, size, begin, end }, filter) {
  const step = Math.fround(end - begin) / size;
  const stretch = Math.max(step, 1);
  const support = filter.support * stretch;
  return Array.from({ length: size }, (_, index) => {
    const centre = begin + (index + 0.5) * step;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const after = Math.min(side, Math.trunc(centre + support + 0.5));
    const exact = [];
    let sum = 0;
    for (let x = first; x < after; x++) {
      exact.push(filter.weight((x - centre + 0.5) * (1 / stretch)));
      sum += exact[exact.length - 1];
    }
    const weights = exact.map((weight) => {
      const scaled = (sum ? weight / sum : weight) * (1 << WEIGHT_BITS);
      return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    });
    return { first, weights: Int32Array.from(weights) };
  });
}

function resizeRows(source, columns, filter) {
  if (isWhole(columns)) return source;
  const { pixels, width, height, channels } = source;
  const made = new Uint8ClampedArray(columns.size * height * channels);
  const table = weightsOf(columns, filter);
  for (let y = 0, to = 0; y < height; y++) {
    for (const { first, weights } of table) {
      const start = (y * width + first) * channels;
      for (let c = 0; c < channels; c++) {
        made[to++] = weighted(pixels, start + c, channels, weights);
      }
    }
  }
  return { pixels: made, width: columns.size, height, channels };
}

function resizeColumns(source, rows, filter) {
  if (isWhole(rows)) return source;
  const { pixels, width, channels } = source;
  const stride = width * channels;
  const made = new Uint8ClampedArray(rows.size * stride);
  weightsOf(rows, filter).forEach(({ first, weights }, y) => {
    for (let x = 0; x < stride; x++) {
      made[y * stride + x] = weighted(pixels, first * stride + x, stride, weights);
    }
  });
  return { pixels: made, width, height: rows.size, channels };
}

function weighted(pixels, start, stride, weights) {
  let sum = HALF;
  for (let i = 0, from = start; i < weights.length; i++, from += stride) {
    sum += pixels[from] * weights[i];
  }
  return sum >> WEIGHT_BITS;
}

/** Each pixel mixed from the four nearest ones, levels rounded once. */
function sampled({ pixels, width, channels }, columns, rows, grid) {
  const [xs, ys] = [tapsOf(columns, grid), tapsOf(rows, grid)];
  const one = 1 << grid.bits;
  const half = 1 << (2 * grid.bits - 1);
  const made = new Uint8Array(columns.size * rows.size * channels);
  let to = 0;
  for (const [top, low, down] of ys) {
    for (const [left, right, across] of xs) {
      for (let c = 0; c < channels; c++) {
        const level = (y, x) => pixels[(y * width + x) * channels + c];
        const mix = (y) => level(y, left) * (one - across) + level(y, right) * across;
        made[to++] = (mix(top) * (one - down) + mix(low) * down + half) >> (2 * grid.bits);
      }
    }
  }
  return made;
}

/** For each output pixel: the two nearest source pixels, and the share of the second. */
function tapsOf({ side, size, first, scaled }, { centre, bits }) {
  // As images.py has them: the part's ends in pixels of the picture, and the step from these.
  const step = side / scaled;
  const [begin, end] = [first * step, (first + size) * step];
  return Array.from({ length: size }, (_, index) => {
    const exact = begin + (index + centre) * ((end - begin) / size) - centre;
    const place = Math.min(Math.max(toEven(exact * (1 << bits)), 0), (side - 1) << bits);
    const near = place >> bits;
    return [near, Math.min(near + 1, side - 1), place & ((1 << bits) - 1)];
  });
}

function nearest({ pixels, width, channels }, columns, rows) {
  const xs = nearestOf(columns);
  const made = new Uint8Array(columns.size * rows.size * channels);
  let to = 0;
  for (const y of nearestOf(rows)) {
    for (const x of xs) {
      for (let c = 0; c < channels; c++) made[to++] = pixels[(y * width + x) * channels + c];
    }
  }
  return made;
}

function nearestOf({ size, begin, end }) {
  const step = Math.fround(end - begin) / size;
  const found = [];
  for (let place = begin + step * 0.5; found.length < size; place += step) {
    found.push(Math.trunc(place));
  }
  return found;
}

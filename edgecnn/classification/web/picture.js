// Decoding a picture, or a frame of the camera, to RGBA pixels.

/**
 * Decode an image file: upright as its EXIF says, its colours as they are stored.
 *
 * @param {Blob} file
 * @return {Promise<ImageData>}
 */
export async function decode(file) {
  const bitmap = await createImageBitmap(file, {
    imageOrientation: "from-image",
    colorSpaceConversion: "none",
  });
  try {
    return pixelsOf(bitmap, bitmap.width, bitmap.height);
  } finally {
    bitmap.close();
  }
}

/**
 * Take the frame that a video shows.
 *
 * @param {HTMLVideoElement} video
 * @return {ImageData}
 */
export function frameOf(video) {
  return pixelsOf(video, video.videoWidth, video.videoHeight);
}

function pixelsOf(source, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  // Transparent pictures are seen on white, as everywhere in edgecnn.
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0);
  return context.getImageData(0, 0, width, height);
}

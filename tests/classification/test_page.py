"""The page in a real browser, with real LiteRT.js: its answers beside the runtime's."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.classification.classifier import read_classifier
from edgecnn.classification.server import serving
from edgecnn.data.geometry import INTERPOLATIONS, Geometry
from edgecnn.data.images import decode, fit
from edgecnn.data.inputspec import InputSpec, preset
from edgecnn.model_metadata.input_tensors import to_tensor
from edgecnn.model_metadata.public_metadata import ModelMetadata, TensorMetadata
from edgecnn.model_metadata.writing import with_metadata

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

READY = "#file:enabled"
LOAD_MS = 60_000


@contextmanager
def page_of(browser: Browser, model: Path) -> Iterator[Page]:
    """Open a file's page; nothing may fail, and nothing may be asked of other servers."""
    with serving(read_classifier(model)) as server:
        page = browser.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.on(
            "request",
            lambda request: (
                wrong.append(request.url)
                if not request.url.startswith((server.url, "blob:", "data:"))
                else None
            ),
        )
        page.goto(server.url)
        page.wait_for_selector(f"{READY}, .bad", state="attached", timeout=LOAD_MS)
        yield page
        page.close()
        assert wrong == []


def classes_of(page: Page, image: Path) -> list[tuple[str, float]]:
    """Choose an image on the page, and read what it shows of that one."""
    page.evaluate("document.getElementById('classes').replaceChildren()")
    page.evaluate("document.querySelector('.bad')?.classList.remove('bad')")
    page.set_input_files("#file", image)
    page.wait_for_selector("#classes li, .bad")
    return shown_classes(page)


def shown_classes(page: Page) -> list[tuple[str, float]]:
    rows: list[tuple[str, float]] = page.evaluate(
        "[...document.querySelectorAll('#classes li')].map("
        "(row) => [row.querySelector('.label').textContent, Number(row.dataset.score)])"
    )
    return [(label, score) for label, score in rows]


def assert_same(page: Page, model: Path, image: Path) -> None:
    (here,) = edgecnn.classify(model, image)
    there = classes_of(page, image)
    assert [label for label, _ in there] == [best.label for best in here.top]
    assert [score for _, score in there] == pytest.approx([b.score for b in here.top], abs=1e-3)


@pytest.fixture(scope="module")
def page(browser: Browser, peers: dict[str, Path], web_assets: Path) -> Iterator[Page]:
    with page_of(browser, peers["float"]) as opened:
        yield opened


def test_same_classes_as_the_runtime(
    page: Page, peers: dict[str, Path], photos: list[Path]
) -> None:
    for photo in photos:
        assert_same(page, peers["float"], photo)
    assert "ms to run" in page.inner_text("#times")


def test_uint8_file(
    browser: Browser, peers: dict[str, Path], photos: list[Path], web_assets: Path
) -> None:
    with page_of(browser, peers["quant"]) as page:
        facts = f"{peers['quant'].name} · int8 · 224 × 224 · uint8 input · 1001 classes"
        assert page.inner_text("#facts") == facts
        for photo in photos:
            assert_same(page, peers["quant"], photo)


def test_threads_change_no_answer(page: Page, peers: dict[str, Path], photos: list[Path]) -> None:
    assert page.evaluate("crossOriginIsolated")
    if page.is_hidden("#threads"):
        pytest.skip("this machine has one core")
    page.select_option("#threads", "2")
    assert_same(page, peers["float"], photos[0])
    page.select_option("#threads", "1")


def test_rotated_transparent_and_grey_pictures(
    page: Page, peers: dict[str, Path], photos: list[Path], tmp_path: Path
) -> None:
    image = Image.open(photos[0]).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "lying.jpg", quality=95, exif=exif)
    image.convert("L").save(tmp_path / "grey.png")
    clear = image.convert("RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 150, 150))
    clear.save(tmp_path / "transparent.png")
    for name in ("lying.jpg", "grey.png", "transparent.png"):
        assert_same(page, peers["float"], tmp_path / name)


def test_a_file_that_is_no_image_is_said_and_the_next_one_works(
    page: Page, peers: dict[str, Path], photos: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    assert classes_of(page, broken) == []
    assert page.inner_text(".bad") == "This browser cannot read broken.png as an image."
    assert_same(page, peers["float"], photos[1])
    assert page.is_hidden(".bad")


def test_dropping_an_image(page: Page, peers: dict[str, Path], photos: list[Path]) -> None:
    page.evaluate("document.getElementById('classes').replaceChildren()")
    page.evaluate(
        """async (content) => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          const dropped = new DataTransfer();
          dropped.items.add(new File([bytes], "dropped.jpg", { type: "image/jpeg" }));
          const options = { dataTransfer: dropped, bubbles: true, cancelable: true };
          document.getElementById("stage").dispatchEvent(new DragEvent("drop", options));
        }""",
        base64.b64encode(photos[2].read_bytes()).decode(),
    )
    page.wait_for_selector("#classes li")
    (here,) = edgecnn.classify(peers["float"], photos[2])
    assert shown_classes(page)[0][0] == here.top[0].label


def test_camera(page: Page) -> None:
    page.evaluate("document.getElementById('classes').replaceChildren()")
    page.click("#camera")
    page.wait_for_selector("#classes li")
    assert page.is_visible("#video")
    assert page.inner_text("#camera") == "Stop the camera"
    page.click("#camera")
    assert page.is_hidden("#video")
    assert page.evaluate("document.getElementById('video').srcObject") is None


def test_labels_with_markup_are_text(
    browser: Browser, tmp_path: Path, colour_model: Any, web_assets: Path
) -> None:
    labels = ('<img src=x onerror="document.title=1">', "</script><b>green</b>", "&amp; blue")
    metadata = ModelMetadata(
        name="<i>colours</i>",
        inputs=(TensorMetadata(),),
        outputs=(TensorMetadata(label_files=("labels.txt",)),),
    )
    raw = {"input": preset("raw", 4, 4).to_dict()}
    model = colour_model(tmp_path / "colours.tflite", metadata=raw)
    packed = {"labels.txt": "\n".join(labels).encode()}
    model.write_bytes(with_metadata(model.read_bytes(), metadata, packed))
    picture = tmp_path / "picture.png"
    Image.new("RGB", (8, 8), (220, 40, 30)).save(picture)
    with page_of(browser, model) as page:
        assert classes_of(page, picture) == [(labels[0], 220), (labels[1], 40), (labels[2], 30)]
        assert page.inner_text("h1") == "<i>colours</i>"
        assert page.query_selector("#classes img, #classes b, h1 i") is None


SIZES = [(288, 432), (432, 288), (300, 301), (37, 400), (400, 37), (64, 48), (20, 30), (500, 63)]


CUTS = [("stretch", 1.0), ("crop", 0.875), ("crop", 1.0), ("pad", 1.0)]


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_cut_to_the_same_bytes(page: Page, interpolation: str, channels: int) -> None:
    generator = np.random.default_rng(0)
    for height, width in SIZES:
        image = generator.integers(0, 256, (height, width, 3), np.uint8)
        for resize, fraction in CUTS:
            geometry = Geometry(resize, fraction, interpolation)
            spec = preset("tf", 64, 48, channels).with_geometry(geometry)
            assert (cut_on(page, image, spec) == fit(image, spec)).all(), (height, width, geometry)


def cut_on(page: Page, image: np.ndarray[Any, Any], spec: InputSpec) -> np.ndarray[Any, Any]:
    height, width, _ = image.shape
    opaque = np.dstack([image, np.full((height, width), 255, np.uint8)])
    content = base64.b64encode(opaque.tobytes()).decode()
    values = page.evaluate(
        """async ([content, height, width, spec]) => {
          const { fit } = await import("/resample.js");
          const data = Uint8ClampedArray.from(atob(content), (letter) => letter.charCodeAt(0));
          return Array.from(fit({ data, width, height }, spec));
        }""",
        [content, height, width, spec.to_dict()],
    )
    return np.array(values, np.uint8).reshape(spec.shape)


@pytest.mark.parametrize("how", ["tf", "torch", "caffe", "unit"])
def test_tensors_of_photographs_are_the_same(
    page: Page, how: str, photos: list[Path], peers: dict[str, Path]
) -> None:
    spec, tensor = preset(how, 224, 224), read_classifier(peers["float"]).input
    content = base64.b64encode(photos[1].read_bytes()).decode()
    values = page.evaluate(
        """async ([content, spec]) => {
          const { decode } = await import("/picture.js");
          const { fit, toTensor } = await import("/resample.js");
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          const pixels = fit(await decode(new Blob([bytes])), spec);
          return Array.from(toTensor(pixels, spec, "float32"));
        }""",
        [content, spec.to_dict()],
    )
    expected = to_tensor(fit(decode(photos[1]), spec), spec, tensor)
    assert (np.array(values, np.float32).reshape(spec.shape) == expected).all()

"""What a board tells of itself and its health, as files of the emulated one.

The formats of ``vcgencmd`` are those of Raspberry Pi's documentation ("vcgencmd" in
documentation/asciidoc/computers/os/graphics-utilities.adoc of github.com/raspberrypi/documentation)
and of its source (vcgencmd/vcgencmd.c and vcgencmd.1 of github.com/raspberrypi/utils), where the
bits of ``get_throttled`` stand too. Neither shows answers; these are as boards print them:
``measure_clock arm`` in github.com/librenms/librenms-agent issue 324 (48 in the brackets, before
2020 it was 45) and raspberrypi/linux issue 7348 (0 on a Pi 5), "Command not registered" in
raspberrypi/utils issue 39, /proc/cpuinfo in github.com/hrw/arm-socs-table issues 28 and 96.
"""

from __future__ import annotations

from dataclasses import dataclass

CORES = 4


@dataclass(frozen=True)
class Model:
    """A board as sold; ``cpu`` is what qemu calls its processor."""

    name: str
    revision: str
    cpu: str
    cpu_part: str
    features: str
    min_khz: int
    max_khz: int
    memory_kb: int
    clock_number: int
    volts: float
    compatible: tuple[str, ...]  # in the device tree, as in the kernel's sources
    has_power_meter: bool = False


PI_5 = Model(
    name="Raspberry Pi 5 Model B Rev 1.0",
    revision="d04170",
    cpu="cortex-a76",
    cpu_part="0xd0b",
    features=(
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc "
        "dcpop asimddp"
    ),
    min_khz=1_500_000,
    max_khz=2_400_000,
    memory_kb=8_245_936,
    clock_number=0,
    volts=0.72,
    compatible=("raspberrypi,5-model-b", "brcm,bcm2712"),
    has_power_meter=True,
)
PI_4 = Model(
    name="Raspberry Pi 4 Model B Rev 1.4",
    revision="c03114",
    cpu="cortex-a72",
    cpu_part="0xd08",
    features="fp asimd evtstrm crc32 cpuid",
    min_khz=600_000,
    max_khz=1_800_000,
    memory_kb=3_884_360,
    clock_number=48,
    volts=0.87,
    compatible=("raspberrypi,4-model-b", "brcm,bcm2711"),
)
ZERO_2_W = Model(
    name="Raspberry Pi Zero 2 W Rev 1.0",
    revision="902120",
    cpu="cortex-a53",
    cpu_part="0xd03",
    features="fp asimd evtstrm crc32 cpuid",
    min_khz=600_000,
    max_khz=1_000_000,
    memory_kb=436_968,
    clock_number=48,
    volts=1.2375,
    compatible=("raspberrypi,model-zero-2-w", "brcm,bcm2837"),
)


@dataclass(frozen=True)
class Health:
    """What a test may choose; ``clock_khz`` and ``volts`` are the model's if not given."""

    throttled: int = 0
    temperature_c: float = 48.3
    clock_khz: int | None = None
    volts: float | None = None
    supply_volts: float = 5.0572
    governor: str = "ondemand"


# Channel and reading of each rail of a Pi 5, in the order in which it prints them.
_CURRENTS = {
    "3V7_WL_SW": (0, 0.0976),
    "3V3_SYS": (1, 0.1074),
    "1V8_SYS": (2, 0.1561),
    "DDR_VDD2": (3, 0.0068),
    "DDR_VDDQ": (4, 0.0),
    "1V1_SYS": (5, 0.2381),
    "0V8_SW": (6, 0.3123),
    "VDD_CORE": (7, 0.9752),
    "3V3_DAC": (17, 0.0),
    "3V3_ADC": (18, 0.0001),
    "0V8_AON": (16, 0.0035),
    "HDMI": (22, 0.02),
}
_VOLTS = {
    "3V7_WL_SW": (8, 3.7109),
    "3V3_SYS": (9, 3.3091),
    "1V8_SYS": (10, 1.8007),
    "DDR_VDD2": (11, 1.1044),
    "DDR_VDDQ": (12, 0.6044),
    "1V1_SYS": (13, 1.1081),
    "0V8_SW": (14, 0.804),
    "VDD_CORE": (15, 0.72),
    "3V3_DAC": (20, 3.3114),
    "3V3_ADC": (21, 3.3187),
    "0V8_AON": (19, 0.7988),
    "HDMI": (23, 5.0786),
    "EXT5V": (24, 5.0572),
    "BATT": (25, 0.0),
}


def board_files(model: Model, health: Health, bits: int) -> dict[str, str]:
    """Return the content of every file through which the board shows what it is and how it is."""
    khz = model.min_khz if health.clock_khz is None else health.clock_khz
    volts = model.volts if health.volts is None else health.volts
    tree, cpu = "sys/firmware/devicetree/base", "sys/devices/system/cpu"
    thermal, policy = "sys/class/thermal/thermal_zone0", f"{cpu}/cpufreq/policy0"
    return {
        f"{tree}/model": f"{model.name}\0",  # as in every string of a device tree
        f"{tree}/compatible": "".join(f"{name}\0" for name in model.compatible),
        f"{tree}/serial-number": "10000000c0ffee42\0",
        f"{thermal}/type": "cpu-thermal\n",
        f"{thermal}/temp": f"{round(health.temperature_c * 1000)}\n",
        **{f"{cpu}/{name}": f"0-{CORES - 1}\n" for name in ("online", "possible", "present")},
        f"{policy}/scaling_governor": f"{health.governor}\n",
        f"{policy}/scaling_available_governors": "conservative ondemand performance powersave\n",
        f"{policy}/scaling_cur_freq": f"{khz}\n",
        f"{policy}/scaling_min_freq": f"{model.min_khz}\n",
        f"{policy}/scaling_max_freq": f"{model.max_khz}\n",
        f"{policy}/cpuinfo_min_freq": f"{model.min_khz}\n",
        f"{policy}/cpuinfo_max_freq": f"{model.max_khz}\n",
        "run/proc/cpuinfo": cpu_info(model, bits),
        "run/proc/meminfo": memory_info(model),
        "run/vcgencmd": (
            f"throttled={health.throttled:#x}\n"
            f"temperature={health.temperature_c:.1f}\n"
            f"clock='frequency({model.clock_number})={khz * 1000}'\n"
            f"volts={volts:.4f}\n"
        ),
        "run/vcgencmd.adc": power_meter(volts, health.supply_volts)
        if model.has_power_meter
        else "",
    }


def power_meter(core_volts: float, supply_volts: float) -> str:
    """Return what ``pmic_read_adc`` prints on a Pi 5, which alone has this meter."""
    volts = {name: value for name, (_, value) in _VOLTS.items()}
    volts |= {"VDD_CORE": core_volts, "EXT5V": supply_volts}
    lines = [
        f"{name + '_A':>12} current({at})={value:.8f}A" for name, (at, value) in _CURRENTS.items()
    ]
    lines += [
        f"{name + '_V':>12} volt({_VOLTS[name][0]})={value:.8f}V" for name, value in volts.items()
    ]
    return "\n".join(lines) + "\n"


def cpu_info(model: Model, bits: int) -> str:
    """Return /proc/cpuinfo, which differs between kernels of 64 and 32 bits."""
    name = "" if bits == 64 else "model name\t: ARMv7 Processor rev 4 (v7l)\n"
    features = model.features if bits == 64 else "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4"
    core = (
        f"BogoMIPS\t: 108.00\nFeatures\t: {features}\nCPU implementer\t: 0x41\n"
        f"CPU architecture: {8 if bits == 64 else 7}\nCPU variant\t: 0x0\n"
        f"CPU part\t: {model.cpu_part}\nCPU revision\t: 3\n\n"
    )
    cores = "".join(f"processor\t: {number}\n{name}{core}" for number in range(CORES))
    serial = "Serial\t\t: 10000000c0ffee42"
    return f"{cores}Revision\t: {model.revision}\n{serial}\nModel\t\t: {model.name}\n"


def memory_info(model: Model) -> str:
    """Return the first lines of /proc/meminfo of a board with little running."""
    free = model.memory_kb * 3 // 4
    amounts = {"MemTotal": model.memory_kb, "MemFree": free, "MemAvailable": free, "SwapTotal": 0}
    amounts |= {"Buffers": 0, "Cached": 0, "SwapFree": 0}
    return "".join(f"{name + ':':<15} {kb:>8} kB\n" for name, kb in amounts.items())

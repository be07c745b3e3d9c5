/* Hides AVX-512 and VNNI from the programs that it is loaded into (LD_PRELOAD), on Linux and x86-64.

   The runtime chooses its kernels by what the CPUID instruction says. Linux lets a process have that
   instruction trapped (arch_prctl ARCH_SET_CPUID, on CPUs with "cpuid_fault" in /proc/cpuinfo); the
   handler executes it and clears the bits. Everything else runs at the machine's own speed, so an
   AVX2 machine can be timed, and tested, on a newer one.

   cc -O1 -shared -fPIC -o hide_avx512.so benchmarks/hide_avx512.c
   LD_PRELOAD=./hide_avx512.so python -m edgecnn ... */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define BIT(n) (1u << (n))

/* Leaf 7: AVX512 F, DQ, IFMA, PF, ER, CD, BW, VL in EBX; VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ in ECX;
   4VNNIW, 4FMAPS, VP2INTERSECT, AMX and FP16 in EDX. */
static const unsigned EBX_7 =
    BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31);
static const unsigned ECX_7 = BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14);
static const unsigned EDX_7 = BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25);

static void answer_cpuid(int number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *code = (const unsigned char *)registers[REG_RIP];
  if (code[0] != 0x0f || code[1] != 0xa2) { /* a fault of the program's own */
    signal(SIGSEGV, SIG_DFL);
    return;
  }
  unsigned a = registers[REG_RAX], b, c = registers[REG_RCX], d;
  const unsigned leaf = a, part = c;
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
  if (leaf == 7 && part == 0) b &= ~EBX_7, c &= ~ECX_7, d &= ~EDX_7;
  if (leaf == 7 && part == 1) a &= ~(BIT(4) | BIT(5)), d = 0; /* AVX-VNNI, AVX512-BF16 */
  registers[REG_RAX] = a, registers[REG_RBX] = b, registers[REG_RCX] = c, registers[REG_RDX] = d;
  registers[REG_RIP] += 2;
  (void)number, (void)info;
}

__attribute__((constructor)) static void hide(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = answer_cpuid;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, NULL);
  if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0)) {
    perror("hide_avx512: this CPU or kernel cannot trap CPUID");
    exit(1);
  }
}

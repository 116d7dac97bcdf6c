//===- Profile.cpp - where the time of a step goes ------------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every dispatch of --bench's workload is timed. What a kernel touches and
// multiplies is known from its static shape (lqc_kernel); the two limits, bytes
// and multiply-adds per second, are measured in the same run (Limits.h). The
// limit of a kernel is the one that would take longer, and its fraction that
// time divided by the real one. Weights that stay in the caches from token to
// token make a kernel faster than memory: more than 100 %.
//
//===----------------------------------------------------------------------===//

#include "lqc/Runtime/Executable.h"

#include "lib/Runtime/Limits.h"
#include "lib/Runtime/Workload.h"

#include <algorithm>
#include <unistd.h>

namespace lqc::runtime {

namespace {
/// What all dispatches of one kernel came to.
struct KernelTotals {
  const lqc_kernel *kernel;
  int64_t calls = 0;
  double seconds = 0;
  double bytes = 0;
  double multiplyAdds = 0;
};

/// Adds up dispatches, kernel by kernel.
class Profiler final : public DispatchObserver {
public:
  Profiler(const struct lqc_model &model, const Session &session)
      : session(session) {
    for (int64_t i = 0; i < model.kernel_count; ++i)
      kernels.push_back({&model.kernels[i]});
    std::sort(kernels.begin(), kernels.end(), isBefore);
  }

  void dispatched(lqc_kernel_function *function, int64_t rows,
                  double seconds) override {
    const lqc_kernel wanted = {nullptr, function, 0, 0, 0, 0, 0, 0};
    auto found = std::lower_bound(kernels.begin(), kernels.end(),
                                  KernelTotals{&wanted}, isBefore);
    if (found == kernels.end() || found->kernel->function != function)
      return;
    // Row i stands at position() + i and sees that many and itself.
    const double seen = double(rows) * double(session.position()) +
                        double(rows) * double(rows + 1) / 2;
    const lqc_kernel &kernel = *found->kernel;
    ++found->calls;
    found->seconds += seconds;
    if (!rows) // no row of the head is wanted before a prompt's last chunk
      return;
    found->bytes += double(kernel.weight_bytes) +
                    double(rows) * double(kernel.row_bytes) +
                    seen * double(kernel.seen_bytes);
    found->multiplyAdds += double(rows) * double(kernel.row_multiply_adds) +
                           seen * double(kernel.seen_multiply_adds);
  }

  /// The kernels that ran, the longest first.
  std::vector<KernelTotals> totals() const {
    std::vector<KernelTotals> result;
    for (const KernelTotals &entry : kernels)
      if (entry.calls)
        result.push_back(entry);
    std::sort(result.begin(), result.end(),
              [](const KernelTotals &a, const KernelTotals &b) {
                return a.seconds > b.seconds;
              });
    return result;
  }

private:
  static bool isBefore(const KernelTotals &a, const KernelTotals &b) {
    return uintptr_t(a.kernel->function) < uintptr_t(b.kernel->function);
  }

  const Session &session;
  std::vector<KernelTotals> kernels; ///< by address
};

/// One part of the workload: all its kernels.
struct PhaseProfile {
  const char *name;
  int64_t tokens = 0; ///< of all rounds
  double seconds = 0; ///< of all rounds
  std::vector<KernelTotals> kernels;

  double kernelSeconds() const {
    double sum = 0;
    for (const KernelTotals &entry : kernels)
      sum += entry.seconds;
    return sum;
  }
};

/// Per second.
struct Limits {
  double bytes = 0;
  double multiplyAdds[2] = {}; ///< of floats, of int8
};

/// How near a kernel comes to what it could be.
struct Fraction {
  const char *limit;
  double value;
};
} // namespace

static Fraction fractionOf(const KernelTotals &entry, const Limits &limits) {
  const double memory = entry.bytes / limits.bytes;
  const double peak = limits.multiplyAdds[entry.kernel->integer ? 1 : 0];
  const double compute = peak > 0 ? entry.multiplyAdds / peak : 0;
  const bool byMemory = memory >= compute;
  return {byMemory ? "memory" : "multiply-add",
          (byMemory ? memory : compute) / std::max(entry.seconds, 1e-9)};
}

static PhaseProfile profilePhase(Executable &executable, const char *name,
                                 int64_t tokens,
                                 const std::function<void()> &round) {
  Profiler profiler(executable.model, *executable.session);
  executable.pool->observe(&profiler);
  const Repeated run = repeat(round);
  executable.pool->observe(nullptr);
  return {name, run.rounds * tokens, run.seconds, profiler.totals()};
}

//===----------------------------------------------------------------------===//
// Report
//===----------------------------------------------------------------------===//

static std::string jsonKernel(const KernelTotals &entry,
                              const PhaseProfile &phase, const Limits &limits) {
  const double seconds = std::max(entry.seconds, 1e-9);
  const Fraction fraction = fractionOf(entry, limits);
  return std::string("{\"name\": \"") + entry.kernel->name +
         "\", \"calls\": " + std::to_string(entry.calls) +
         ", \"seconds\": " + formatNumber(entry.seconds, 9) +
         ", \"share\": " + formatNumber(entry.seconds / phase.seconds, 4) +
         ", \"bytes\": " + formatNumber(entry.bytes, 0) +
         ", \"bytes_per_second\": " + formatNumber(entry.bytes / seconds, 0) +
         ", \"multiply_adds\": " + formatNumber(entry.multiplyAdds, 0) +
         ", \"multiply_adds_per_second\": " +
         formatNumber(entry.multiplyAdds / seconds, 0) + ", \"limit\": \"" +
         fraction.limit +
         "\", \"fraction_of_limit\": " + formatNumber(fraction.value, 4) + "}";
}

static std::string jsonPhase(const PhaseProfile &phase, const Limits &limits) {
  std::string text =
      std::string("\"") + phase.name +
      "\": {\"tokens\": " + std::to_string(phase.tokens) +
      ", \"seconds\": " + formatNumber(phase.seconds, 6) +
      ", \"kernel_seconds\": " + formatNumber(phase.kernelSeconds(), 6) +
      ", \"kernels\": [";
  for (const KernelTotals &entry : phase.kernels)
    text += (&entry == phase.kernels.data() ? "\n    " : ",\n    ") +
            jsonKernel(entry, phase, limits);
  return text + "]}";
}

static std::string jsonReport(const Executable &executable,
                              std::span<const PhaseProfile> phases,
                              const Limits &limits) {
  std::string text =
      "{\"threads\": " + std::to_string(executable.pool->threads()) +
      ",\n  \"read_bandwidth_bytes_per_second\": " +
      formatNumber(limits.bytes, 0) +
      ",\n  \"float_multiply_adds_per_second\": " +
      formatNumber(limits.multiplyAdds[0], 0) +
      ",\n  \"int8_multiply_adds_per_second\": " +
      formatNumber(limits.multiplyAdds[1], 0);
  for (const PhaseProfile &phase : phases)
    text += ",\n  " + jsonPhase(phase, limits);
  return text + "}\n";
}

static std::string padLeft(const std::string &text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

/// One line of the table; the texts stand in right-aligned columns.
static std::string tableRow(std::string name, size_t nameWidth,
                            std::span<const std::string> cells) {
  constexpr size_t kWidths[] = {8, 10, 7, 11, 8, 8, 14, 9};
  name.resize(std::max(name.size(), nameWidth), ' ');
  for (size_t i = 0; i < cells.size(); ++i)
    name += padLeft(cells[i], kWidths[i]);
  return name + "\n";
}

static std::string textPhase(const PhaseProfile &phase, const Limits &limits) {
  static const std::string kHeader[] = {"calls", "ms",     "time",  "MB",
                                        "GB/s",  "Gmac/s", "limit", "of limit"};
  const bool terminal = ::isatty(STDOUT_FILENO);
  size_t width = 16;
  for (const KernelTotals &entry : phase.kernels)
    width = std::max(width, std::string_view(entry.kernel->name).size());
  std::string text = std::string(phase.name) + ": " +
                     std::to_string(phase.tokens) + " tokens, " +
                     formatNumber(double(phase.tokens) / phase.seconds, 1) +
                     " tokens/s\n";
  text += (terminal ? "\033[1m" : "") + tableRow("kernel", width, kHeader) +
          (terminal ? "\033[0m" : "");
  auto percent = [&](double seconds) {
    return formatNumber(100 * seconds / phase.seconds, 1) + "%";
  };
  for (const KernelTotals &entry : phase.kernels) {
    const double seconds = std::max(entry.seconds, 1e-9);
    const Fraction fraction = fractionOf(entry, limits);
    const std::string cells[] = {
        std::to_string(entry.calls),
        formatNumber(entry.seconds * 1e3, 3),
        percent(entry.seconds),
        formatNumber(entry.bytes / 1e6, 2),
        formatNumber(entry.bytes / seconds / 1e9, 2),
        formatNumber(entry.multiplyAdds / seconds / 1e9, 2),
        fraction.limit,
        formatNumber(100 * fraction.value, 1) + "%"};
    text += tableRow(entry.kernel->name, width, cells);
  }
  const double rest = phase.seconds - phase.kernelSeconds();
  const std::string cells[] = {"", formatNumber(rest * 1e3, 3), percent(rest)};
  return text + tableRow("between kernels", width, cells);
}

static std::string textReport(const Executable &executable,
                              std::span<const PhaseProfile> phases,
                              const Limits &limits) {
  std::string text;
  for (const PhaseProfile &phase : phases)
    text += textPhase(phase, limits) + "\n";
  return text + "limits with " + std::to_string(executable.pool->threads()) +
         " threads: " + formatNumber(limits.bytes / 1e9, 2) +
         " GB/s read from memory; " +
         formatNumber(limits.multiplyAdds[0] / 1e9, 1) + " float and " +
         formatNumber(limits.multiplyAdds[1] / 1e9, 1) +
         " int8 billion multiply-adds/s\n";
}

int profile(Executable &executable) {
  Workload work(executable);
  lqc_pool &pool = *executable.pool;
  Limits limits;
  limits.bytes = measureBandwidth(pool);
  if (limits.bytes <= 0)
    return executable.fail("cannot reserve memory to measure its bandwidth");
  for (bool integer : {false, true})
    limits.multiplyAdds[integer] =
        measureMultiplyAdds(pool, executable.model.features, integer);

  work.prefill(); // warm-up: pages, caches, clock
  std::vector<PhaseProfile> phases;
  phases.push_back(profilePhase(executable, "prefill",
                                int64_t(work.promptTokens()),
                                [&] { work.prefill(); }));
  if (work.decodeTokens() > 0)
    phases.push_back(profilePhase(executable, "decode", work.decodeTokens(),
                                  [&] { work.decode(); }));
  Output output;
  output.write(executable.options.json
                   ? jsonReport(executable, phases, limits)
                   : textReport(executable, phases, limits));
  return output.finish(executable.name);
}

} // namespace lqc::runtime

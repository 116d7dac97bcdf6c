//===- GraphOutput.cpp - outputs of a graph become files ------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/Graph.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace lqc::runtime {

/// What is wrong, or "".
static std::string writeFile(const std::string &path, const Tensor &tensor) {
  const int file =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0)
    return std::strerror(errno);
  const std::string header = npyHeader(tensor);
  std::string problem;
  const std::string_view parts[] = {header,
                                    {tensor.data.get(), tensor.bytes()}};
  for (std::string_view part : parts)
    while (problem.empty() && !part.empty()) {
      const ssize_t written = ::write(file, part.data(), part.size());
      if (written >= 0)
        part.remove_prefix(size_t(written));
      else if (errno != EINTR)
        problem = std::strerror(errno);
    }
  if (::close(file) && problem.empty())
    problem = std::strerror(errno);
  return problem;
}

std::string writeOutputs(const std::string &directory,
                         const struct lqc_graph &graph,
                         const std::vector<Tensor> &outputs) {
  if (::mkdir(directory.c_str(), 0777) && errno != EEXIST)
    return directory + ": " + std::strerror(errno);
  std::set<std::string> taken;
  std::vector<std::string> paths;
  for (int64_t i = 0; i < graph.output_count; ++i)
    paths.push_back(directory + "/" +
                    npyFileName(graph.outputs[i].name, taken));
  const std::string ending = ".tmp-" + std::to_string(::getpid());
  std::string problem;
  for (size_t i = 0; i < paths.size() && problem.empty(); ++i) {
    problem = writeFile(paths[i] + ending, outputs[i]);
    if (!problem.empty())
      problem = paths[i] + ": cannot write: " + problem;
  }
  // All are complete: they take their names.
  for (const std::string &path : paths) {
    if (problem.empty() && std::rename((path + ending).c_str(), path.c_str()))
      problem = path + ": cannot write: " + std::strerror(errno);
    if (!problem.empty())
      ::unlink((path + ending).c_str());
  }
  return problem;
}

} // namespace lqc::runtime

//===- GraphOutput.cpp - outputs of a graph become files ------------------===//
//
// Part of LQC, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Runtime/Graph.h"
#include "lib/Runtime/NewFile.h"

#include <cerrno>
#include <cstring>
#include <set>
#include <sys/stat.h>

namespace lqc::runtime {

std::string writeOutputs(const std::string &directory,
                         const struct lqc_graph &graph,
                         const std::vector<Tensor> &outputs) {
  if (::mkdir(directory.c_str(), 0777) && errno != EEXIST)
    return directory + ": " + std::strerror(errno);
  std::set<std::string> taken;
  std::vector<NewFile> files(outputs.size());
  for (size_t i = 0; i < files.size(); ++i) {
    const Tensor &tensor = outputs[i];
    const std::string header = npyHeader(tensor);
    std::string problem = files[i].open(
        directory + "/" + npyFileName(graph.outputs[i].name, taken));
    for (std::string_view part :
         {std::string_view(header),
          std::string_view(tensor.data.get(), tensor.bytes())})
      if (problem.empty())
        problem = files[i].write(part);
    if (problem.empty())
      problem = files[i].complete();
    if (!problem.empty())
      return problem;
  }
  // All are complete: they take their names.
  for (NewFile &file : files)
    if (std::string problem = file.keep(); !problem.empty())
      return problem;
  return {};
}

} // namespace lqc::runtime

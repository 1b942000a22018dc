#include "plan/in_place.h"

#include <algorithm>
#include <numeric>

namespace fi::plan {
namespace {

bool same_places(const Tensor& x, const Tensor& y) {
  return x.dtype == y.dtype && x.offset == y.offset && x.rank == y.rank &&
         std::equal(x.shape, x.shape + x.rank, y.shape) &&
         std::equal(x.stride, x.stride + x.rank, y.stride);
}

bool only_view_of_its_buffer(const Program& program, const Step& step, int tensor) {
  return std::all_of(step.inputs.begin(), step.inputs.end(), [&](int other) {
    return other < 0 || other == tensor ||
           program.tensors[other].buffer != program.tensors[tensor].buffer;
  });
}

/// The input that the only step of a group may write over; -1: none.
int overwritten(const Program& program, const std::vector<ArenaItem>& lives, int group) {
  const Step& step = program.steps[program.groups[group].steps[0]];
  if ((step.op != "unary" && step.op != "binary") || step.outputs.size() != 1) return -1;
  const Tensor& y = program.tensors[step.outputs[0]];
  if (program.buffers[y.buffer].kind != BufferKind::arena || lives[y.buffer].first != group)
    return -1;
  for (const int input : step.inputs) {
    if (input < 0) continue;
    const Tensor& x = program.tensors[input];
    const Buffer& buffer = program.buffers[x.buffer];
    if (buffer.kind == BufferKind::arena && buffer.bytes == program.buffers[y.buffer].bytes &&
        lives[x.buffer].last == group && x.buffer != y.buffer && same_places(x, y) &&
        only_view_of_its_buffer(program, step, input)) {
      return x.buffer;
    }
  }
  return -1;
}

}  // namespace

std::vector<int> in_place_owners(const Program& program, const std::vector<ArenaItem>& lives) {
  std::vector<int> owners(program.buffers.size());
  std::iota(owners.begin(), owners.end(), 0);
  for (size_t group = 0; group < program.groups.size(); ++group) {
    const Group& g = program.groups[group];
    if (g.steps.size() != 1 || g.stripe_rows > 0) continue;
    const int from = overwritten(program, lives, static_cast<int>(group));
    if (from < 0) continue;
    owners[program.tensors[program.steps[g.steps[0]].outputs[0]].buffer] = owners[from];
  }
  return owners;
}

void join(const std::vector<int>& owners, std::vector<ArenaItem>* items) {
  for (size_t i = 0; i < owners.size(); ++i) {
    if (owners[i] == static_cast<int>(i)) continue;
    ArenaItem& owner = (*items)[owners[i]];
    owner.last = std::max(owner.last, (*items)[i].last);
    (*items)[i].bytes = 0;
  }
}

}  // namespace fi::plan

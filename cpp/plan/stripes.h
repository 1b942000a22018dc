// Depth-first execution of a group: a stripe of the last step's rows at a time, each earlier step
// computing the rows that the stripe needs and that are not there yet, so that what flows between
// them stays in cache. Threads take a band of those rows each, and share nothing: at a band's
// border both compute what both need.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "plan/operator.h"
#include "plan/program.h"

namespace fi::plan {

/// How the steps of a group depend on one another's rows. Empty steps: the group runs whole steps
/// in turn.
struct StripePlan {
  struct Use {
    int consumer;  // position in the group
    bool halo;     // as input 0, through input_rows(); otherwise row y needs row y
  };
  struct Step {
    const Operator* op;
    int64_t height;         // output rows
    std::vector<Use> uses;  // inside the group
    bool complete;          // also read after the group, so every row is needed
    int window;             // where the output lies: number of a window, or -1
  };
  /// A buffer that only the group touches holds just the rows between those still needed and those
  /// just made. They move to its front when it is full. Each band has its own.
  struct Window {
    int buffer;
    int64_t row_bytes, image_bytes;
    int64_t rows;  // capacity
    int64_t bytes() const { return align_up(rows * row_bytes); }
  };
  std::vector<Step> steps;
  std::vector<Window> windows;
  int64_t batch = 0;
  int64_t stripe_rows = 0;
  int64_t bands = 1;
};

/// The stripes of a group, or none and the reason in `refusal`. `bands`: at most so many; one if
/// steps share memory other than windows.
StripePlan plan_stripes(const Program& program, const Group& group,
                        const std::vector<std::unique_ptr<Operator>>& operators, int64_t bands,
                        std::string* refusal);

/// Runs a band of the group: each row that it needs of each step once, image by image, in an order
/// that satisfies every need. `buffers` are the band's own copy of the run's buffers by number;
/// those of windows are moved so that row y stands where tensors expect it.
void run_stripes(const StripePlan& plan, int64_t band, char** buffers,
                 const std::function<void(int position, const RowRange& rows)>& run);

}  // namespace fi::plan

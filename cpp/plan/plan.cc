#include "plan/plan.h"

#include <chrono>
#include <exception>

#include "base/error.h"
#include "base/fp_mode.h"
#include "parallel/pool.h"

namespace fi::plan {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Every row of a step's first output.
RowRange all_rows(const Tensor& y) {
  if (y.rank != 4) return {};
  return {0, y.shape[0], 0, y.shape[2]};
}

}  // namespace

std::unique_ptr<Plan::Lease> Plan::make_lease() const {
  auto lease = std::make_unique<Lease>();
  lease->arena = AlignedBuffer(memory_.arena);
  lease->scratch = AlignedBuffer(memory_.scratch);
  lease->buffers = constants_;
  for (size_t i = 0; i < arena_offsets_.size(); ++i) {
    if (arena_offsets_[i] >= 0) lease->buffers[i] = lease->arena.data() + arena_offsets_[i];
  }
  for (int worker = 0; worker < threads_; ++worker) {
    lease->scratch_of.push_back(lease->scratch.data() + worker * scratch_per_worker_);
  }
  return lease;
}

std::unique_ptr<Plan::Lease> Plan::take_lease() const {
  {
    std::lock_guard lock(mutex_);
    if (!free_leases_.empty()) {
      auto lease = std::move(free_leases_.back());
      free_leases_.pop_back();
      return lease;
    }
    ++leases_;
  }
  return make_lease();
}

void Plan::return_lease(std::unique_ptr<Lease> lease) const {
  std::lock_guard lock(mutex_);
  free_leases_.push_back(std::move(lease));
}

void Plan::run_step(int step, const RunContext& context, const RowRange& rows,
                    double* seconds) const {
  const auto start = seconds ? Clock::now() : Clock::time_point{};
  try {
    operators_[step]->run(context, rows);
  } catch (const Error& error) {  // what the data made fail: operators do not know their name
    throw Error(error.kind(), program_.steps[step].name, error.tensor(), error.what());
  }
  if (seconds) seconds[step] += seconds_since(start);
}

void Plan::run_groups(Lease& lease, double* seconds) const {
  const RunContext context{lease.buffers.data(), lease.scratch_of.data(), threads_};
  for (const PlannedGroup& group : groups_) {
    if (!group.stripes.steps.empty()) {
      run_bands(group, lease, seconds);
      continue;
    }
    for (int step : group.steps) {
      run_step(step, context, all_rows(program_.tensors[program_.steps[step].outputs[0]]), seconds);
    }
  }
}

// A band to a thread; one band alone has all threads in each of its steps.
void Plan::run_bands(const PlannedGroup& group, Lease& lease, double* seconds) const {
  const int64_t bands = group.stripes.bands;
  const size_t steps = program_.steps.size();
  std::vector<double> spent(seconds ? bands * steps : 0);
  std::vector<std::exception_ptr> failures(bands);
  const auto run_band = [&](int worker, int64_t band, int threads) {
    std::vector<char*> buffers = lease.buffers;
    const RunContext context{buffers.data(), lease.scratch_of.data() + worker, threads};
    double* times = seconds ? spent.data() + band * steps : nullptr;
    try {
      run_stripes(group.stripes, band, buffers.data(), [&](int position, const RowRange& rows) {
        run_step(group.steps[position], context, rows, times);
      });
    } catch (...) {
      failures[band] = std::current_exception();
    }
  };
  if (bands == 1) {
    run_band(0, 0, threads_);
  } else {
    parallel_for(threads_, bands, [&](int worker, int64_t band) { run_band(worker, band, 1); });
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  for (size_t i = 0; i < spent.size(); ++i)
    seconds[i % steps] += spent[i] / static_cast<double>(bands);
}

void Plan::run(const std::vector<char*>& inputs, const std::vector<char*>& outputs,
               double* seconds) const {
  // Returned even when a step throws: what it holds is scratch.
  auto lease = take_lease();
  for (size_t i = 0; i < program_.buffers.size(); ++i) {
    const Buffer& buffer = program_.buffers[i];
    if (buffer.kind == BufferKind::input) lease->buffers[i] = inputs.at(buffer.index);
    if (buffer.kind == BufferKind::output) lease->buffers[i] = outputs.at(buffer.index);
  }
  try {
    FlushDenormals flush;
    run_groups(*lease, seconds);
  } catch (...) {
    return_lease(std::move(lease));
    throw;
  }
  return_lease(std::move(lease));
}

const std::string& Plan::stripe_refusal(size_t step) const {
  return groups_[group_of_[step]].refusal;
}

int64_t Plan::stripe_rows(size_t step) const {
  return groups_[group_of_[step]].stripes.stripe_rows;
}

MemoryReport Plan::memory() const {
  MemoryReport report = memory_;
  std::lock_guard lock(mutex_);
  report.leases = leases_;
  return report;
}

}  // namespace fi::plan

// Row ranges divided among threads, for kernels that compute rows of an image.
#pragma once

#include "parallel/pool.h"
#include "plan/operator.h"
#include "plan/ops/split.h"

namespace fi::plan {

/// Calls body(worker, rows) for parts of `rows`, each inside one image.
template <class F>
void for_each_rows(const RunContext& context, const RowRange& rows, F&& body) {
  const int64_t images = rows.batch_end - rows.batch_begin, lines = rows.end - rows.begin;
  if (images <= 0 || lines <= 0) return;
  const int64_t wanted = context.threads <= 1 ? 1 : kTasksPerThread * context.threads;
  const Split parts = split(lines, 1, (wanted + images - 1) / images);
  parallel_for(context.threads, images * parts.parts, [&](int worker, int64_t task) {
    const int64_t image = rows.batch_begin + task / parts.parts, part = task % parts.parts;
    body(worker,
         RowRange{image, image + 1, rows.begin + parts.begin(part), rows.begin + parts.end(part)});
  });
}

/// Calls body(worker, image, begin, end) for runs of channels of each image of `rows`.
template <class F>
void for_each_channels(const RunContext& context, const RowRange& rows, int64_t channels,
                       F&& body) {
  const int64_t images = rows.batch_end - rows.batch_begin;
  if (images <= 0 || channels <= 0) return;
  const Split parts =
      split(channels, 1, context.threads <= 1 ? 1 : kTasksPerThread * context.threads);
  parallel_for(context.threads, images * parts.parts, [&](int worker, int64_t task) {
    const int64_t part = task % parts.parts;
    body(worker, rows.batch_begin + task / parts.parts, parts.begin(part), parts.end(part));
  });
}

/// Calls body(worker, begin, end) for parts of [0, tasks).
template <class F>
void for_each_range(const RunContext& context, int64_t tasks, F&& body) {
  if (tasks <= 0) return;
  const Split parts = split(tasks, 1, context.threads <= 1 ? 1 : kTasksPerThread * context.threads);
  parallel_for(context.threads, parts.parts,
               [&](int worker, int64_t part) { body(worker, parts.begin(part), parts.end(part)); });
}

}  // namespace fi::plan

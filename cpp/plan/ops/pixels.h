// Output pixels as rows of a matrix: runs of pixels that are evenly spaced in every image that
// takes part.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "base/view.h"

namespace fi::plan {

/// Elements from a pixel to the next inside a run of evenly spaced ones.
template <class T>
int64_t pixel_pitch(const Image<T>& image) {
  if (image.width > 1) return image.pixel_stride;
  return image.height > 1 ? image.row_stride : image.batch_stride;
}

template <class T>
bool rows_join(const Image<T>& image) {
  return image.height <= 1 || image.width <= 1 ||
         image.row_stride == image.width * image.pixel_stride;
}

template <class T>
bool images_join(const Image<T>& image) {
  const int64_t pixels = image.height * image.width;
  return rows_join(image) &&
         (image.batch <= 1 || pixels <= 1 || image.batch_stride == pixels * pixel_pitch(image));
}

/// A run of evenly spaced pixels: it starts at (image, row, 0).
struct PixelRun {
  int64_t image, row, pixels;
};

/// The runs that make up some rows of images of one size.
class PixelRuns {
 public:
  /// `rows_join`, `images_join`: of all images that take part.
  PixelRuns(const RowRange& rows, int64_t height, int64_t width, bool rows_join, bool images_join)
      : first_(rows), width_(width) {
    const bool whole = rows.begin == 0 && rows.end == height;
    const int64_t images = rows.batch_end - rows.batch_begin, lines = rows.end - rows.begin;
    if (rows_join && images_join && whole) {
      rows_per_run_ = images * lines;
      runs_per_image_ = 1;
      count_ = 1;
    } else {
      rows_per_run_ = rows_join ? lines : 1;
      runs_per_image_ = rows_join ? 1 : lines;
      count_ = images * runs_per_image_;
    }
    if (images * lines * width == 0) count_ = 0;
  }

  int64_t count() const { return count_; }
  int64_t pixels() const { return rows_per_run_ * width_; }  // of each
  PixelRun run(int64_t i) const {
    return {first_.batch_begin + i / runs_per_image_, first_.begin + i % runs_per_image_, pixels()};
  }

 private:
  RowRange first_;
  int64_t width_, rows_per_run_, runs_per_image_, count_;
};

}  // namespace fi::plan

#include "kernels/strided/elementwise.h"

namespace fi::strided {
namespace {

constexpr int kMaxInputs = 3;

/// How one operand's elements are stored, and what turns them into the loop's.
struct Stored {
  int64_t size = 0;
  Convert convert = nullptr;
};

template <int inputs>
class Elementwise : public Operation {
 public:
  Elementwise(const Nest& nest, const Operand* operands, const TensorView& y, DType result,
              DenseLoop loop, Parameters parameters)
      : rows_(nest, kRow), loop_(loop), parameters_(parameters) {
    for (int p = 0; p < inputs; ++p) {
      const TensorView& view = operands[p].view;
      in_[p] = {element_size(view), converter(view.dtype, operands[p].as)};
    }
    out_ = {element_size(y), converter(result, y.dtype)};
    tasks_ = rows_.tasks;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    RowBuffer gathered[inputs], converted[inputs], result, stored;
    char* const y = static_cast<char*>(at.out[0]);
    const bool in_place = rows_.step[inputs] == out_.size && !out_.convert;
    rows_.for_each(begin, end, [&](const int64_t* offset, int64_t n) {
      const void* dense[inputs];
      for (int p = 0; p < inputs; ++p) {
        dense[p] =
            read_row(in_[p].size, in_[p].convert, static_cast<const char*>(at.in[p]) + offset[p],
                     rows_.step[p], n, gathered[p], converted[p]);
      }
      char* const row = y + offset[inputs];
      void* const dense_y = in_place ? static_cast<void*>(row) : result.bytes;
      loop_(dense, dense_y, n, parameters_);
      write_row(out_.size, out_.convert, dense_y, row, rows_.step[inputs], n, stored);
    });
    return true;
  }

 private:
  Rows rows_;
  Stored in_[inputs], out_;
  DenseLoop loop_;
  Parameters parameters_;
};

}  // namespace

OperationPtr make_elementwise(std::initializer_list<Operand> inputs, const TensorView& y,
                              DType result, DenseLoop loop, Parameters parameters) {
  const Operand* in = inputs.begin();
  const auto make = [&](auto operation, std::initializer_list<const TensorView*> views) {
    Nest nest = make_nest(views);
    simplify(nest, static_cast<int>(views.size()) - 1);
    return std::make_unique<typename decltype(operation)::type>(nest, in, y, result, loop,
                                                                parameters);
  };
  static_assert(kMaxInputs + 1 <= kMaxOperands);
  switch (inputs.size()) {
    case 1:
      return make(std::type_identity<Elementwise<1>>{}, {&in[0].view, &y});
    case 2:
      return make(std::type_identity<Elementwise<2>>{}, {&in[0].view, &in[1].view, &y});
    default:
      return make(std::type_identity<Elementwise<3>>{},
                  {&in[0].view, &in[1].view, &in[2].view, &y});
  }
}

}  // namespace fi::strided

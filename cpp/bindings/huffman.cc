// _core.huffman_encode and huffman_decode: what files hold of codes and gaps (kernels/huffman).
#include "kernels/huffman/huffman.h"

#include <pybind11/numpy.h>

#include "base/error.h"

namespace py = pybind11;

namespace fi::bindings {
namespace {

using Bytes = py::array_t<uint8_t, py::array::c_style>;

void check_alphabet(int alphabet) {
  if (alphabet < 2 || alphabet > 256)
    throw Error(ErrorKind::value, "an alphabet has 2 to 256 symbols");
}

Bytes encode(const Bytes& symbols, int alphabet) {
  check_alphabet(alphabet);
  std::vector<uint8_t> block;
  {
    const uint8_t* data = symbols.data();
    const int64_t count = symbols.size();
    const py::gil_scoped_release release;
    block = huffman::encode(data, count, alphabet);
  }
  return Bytes(static_cast<py::ssize_t>(block.size()), block.data());
}

// A code has a bit or more, so a block of n bytes has no more than 8 n symbols.
Bytes decode(const Bytes& block, int64_t count, int alphabet) {
  check_alphabet(alphabet);
  if (count < 0 || count / 8 > block.size()) {
    throw Error(ErrorKind::value, "malformed Huffman code: more symbols than bits");
  }
  Bytes symbols(count);
  uint8_t* out = symbols.mutable_data();
  const uint8_t* data = block.data();
  const int64_t bytes = block.size();
  const py::gil_scoped_release release;
  huffman::decode(data, bytes, out, count, alphabet);
  return symbols;
}

}  // namespace

void bind_huffman(py::module_& module) {
  module.def("huffman_encode", &encode, py::arg("symbols"), py::arg("alphabet"),
             "The block of uint8 symbols below `alphabet`, as kernels/huffman/huffman.h says.");
  module.def("huffman_decode", &decode, py::arg("block"), py::arg("count"), py::arg("alphabet"),
             "The symbols of a block; CoreError if it is malformed.");
}

}  // namespace fi::bindings

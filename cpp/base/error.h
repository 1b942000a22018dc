// The one exception type of the core. It crosses into Python as _core.CoreError(kind, node, tensor,
// reason); the session adds the file and raises the matching class of fastinfer.errors.
#pragma once

#include <stdexcept>
#include <string>

namespace fi {

enum class ErrorKind {
  shape,
  dtype,
  attribute,
  unsupported,
  memory,
  isa,
  value,
  argument,
  internal
};

const char* name_of(ErrorKind kind);

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& reason) : std::runtime_error(reason), kind_(kind) {}
  Error(ErrorKind kind, std::string node, std::string tensor, const std::string& reason)
      : std::runtime_error(reason),
        kind_(kind),
        node_(std::move(node)),
        tensor_(std::move(tensor)) {}

  ErrorKind kind() const { return kind_; }
  const std::string& node() const { return node_; }
  const std::string& tensor() const { return tensor_; }

 private:
  ErrorKind kind_;
  std::string node_, tensor_;
};

}  // namespace fi

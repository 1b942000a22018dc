// The strided room's whole contract, and the names of its rows: one per operator family, tier
// scalar. Unlike other rooms' rows they hold no function: run_kernel calls the family's factory,
// which picks its loops by dtype and geometry.
#pragma once

#include "kernels/kernel.h"
#include "kernels/strided/binary.h"
#include "kernels/strided/copy.h"
#include "kernels/strided/dynamic.h"
#include "kernels/strided/index.h"
#include "kernels/strided/operation.h"
#include "kernels/strided/pad.h"
#include "kernels/strided/pool_nd.h"
#include "kernels/strided/reduce.h"
#include "kernels/strided/topk.h"
#include "kernels/strided/unary.h"

namespace fi::strided {

struct Table {
  const KernelInfo* rows;
  int count;
};
Table table();

}  // namespace fi::strided

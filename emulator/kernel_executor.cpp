#include "emulator/kernel_executor.hpp"

#include <utility>

#include "kernels/host.hpp"

namespace skipstone::emulator {

namespace {

constexpr int repetitions = 5;

class KernelExecutor final : public BlockExecutor {
  public:
    explicit KernelExecutor(kernels::PackedNetwork const& packed) : kernels_(packed.make_kernels()) {}

    void prepare(BlockId block, BlockMode) override { kernels().warm_up(block, 1); }
    Tensor run(BlockId block, BlockMode mode, Tensor input) override {
        return kernels().run(block, mode, std::move(input));
    }
    void prepare_part(BlockId block, Split split, int part) override { kernels().prepare_part(block, split, part, 1); }
    Tensor run_part(BlockId block, Split split, int part, Tensor box) override {
        return kernels().run_part(block, split, part, std::move(box));
    }
    Tensor join(BlockId block, Split split, std::vector<Tensor> parts) override {
        return kernels().join(block, split, std::move(parts));
    }
    double measure(BlockId block) override { return kernels().measure(block, 1, repetitions).value(); }

  private:
    // Whichever thread calls.
    kernels::NetworkKernels& kernels() {
        kernels::use_threads(threads_);
        return kernels_;
    }

    int threads_ = kernels::usual_threads();
    kernels::NetworkKernels kernels_;
};

}  // namespace

std::unique_ptr<BlockExecutor> make_kernel_executor(kernels::PackedNetwork const& packed) {
    return std::make_unique<KernelExecutor>(packed);
}

}  // namespace skipstone::emulator

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "kernels/primitives.hpp"
#include "kernels/tile_product.hpp"
#include "model/convolution_choice.hpp"

// float32 convolutions whose weights, many megabytes that each pass of a network needs once, come from far away. oneDNN
// waits for them, then computes; here the weights of the next channels are fetched while those of the present ones are
// used, and the processor does both at once. Activations are [N,H,W,C]. Sums run in one order for every batch size:
// the same bits. Uses as many threads as OpenMP has when it is made.
namespace skipstone::kernels {

class StreamedConvolution {
  public:
    // AVX-512; float32; not dilated; input channels of a group a multiple of 16, its output channels of 32;
    // streamed Winograd: kernel 3 x 3, stride 1.
    static bool is_available(Convolution const& convolution, ConvolutionAlgorithm algorithm);

    // is_available() is a precondition of all that follows.
    static std::size_t weight_bytes(Convolution const& convolution, ConvolutionAlgorithm algorithm);
    static std::string weight_format(Convolution const& convolution, ConvolutionAlgorithm algorithm);
    // plain: [O,I/groups,kernel_h,kernel_w]; packed: weight_bytes(), aligned to 64.
    static void pack(Convolution const& convolution, ConvolutionAlgorithm algorithm, std::span<float const> plain,
                     std::span<float> packed);

    // What an activation brings results into, if it does no more than that: none, a ReLU, or a clip.
    static std::optional<tiles::Bounds> bounds_of(Activation const& activation);

    // activation: one that has bounds.
    StreamedConvolution(Convolution const& convolution, ConvolutionAlgorithm algorithm, int batch,
                        Destination destination, Activation const& activation);

    std::size_t scratchpad_bytes() const;
    void run(Primitive::Arguments const& arguments) const;

  private:
    struct Images;  // what run() reads and writes
    void run_direct(Images const& images) const;
    void run_winograd(Images const& images) const;

    Convolution convolution_;
    ConvolutionAlgorithm algorithm_;
    int batch_, threads_;
    bool adds_;
    tiles::Bounds bounds_;
};

}  // namespace skipstone::kernels

#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/trained_network.hpp"
#include "mpi/communicator.hpp"
#include "study/data_set.hpp"
#include "study/study.hpp"
#include "study/workplace.hpp"

// The options of `skipstone study`, and what they mean.
namespace skipstone::cli {

struct StudyOptions {
    TrainedNetworkOptions network;
    std::string data, output, remark;
    std::optional<std::string> final_data, drops, modes, share, convolutions;
    std::optional<std::size_t> limit, final_limit, final_count;
    std::size_t batch = 32;
    std::optional<int> threads;
    bool restart = false;
};

// How convolutions are computed.
struct Convolutions {
    ConvolutionPolicy policy = ConvolutionPolicy::direct;
    ConvolutionChoices choices;
};

// What a study is about beside the workplace.
struct StudyTask {
    study::StudyPlan plan;
    Convolutions convolutions;
    Calibration calibration;  // of an int8 network
};

// What a study is about, before weights are packed.
struct PreparedStudy {
    Network network;
    kernels::WeightsInfo weights;
    std::vector<study::DataSet> data;
    StudyTask task;

    // Packs the weights; leaves no data behind. host: the ranks of this host, or nullptr.
    study::Workplace workplace(std::size_t batch, mpi::Communicator const* host);
};

// Reads and checks what the options name, first what costs nothing. Throws InputError.
PreparedStudy prepare_study(StudyOptions const& options, config::ProfileFolders const& profiles);

// The drops that the options choose, in words: "singles (skip,direct)", "greedy", a file's name.
std::string drops_text(StudyOptions const& options, study::StudyPlan const& plan);

// Where a study writes beside its table: "dir/mine.toml" → "dir/mine-selection.json".
std::filesystem::path with_ending(std::filesystem::path path, std::string const& stem_end, char const* extension);

}  // namespace skipstone::cli

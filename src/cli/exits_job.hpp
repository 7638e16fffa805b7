#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/trained_network.hpp"
#include "exits/crew.hpp"
#include "study/workplace.hpp"

// What `exits train` and `exits measure` have in common: a network and data sets on every rank, and work that all
// share.
namespace skipstone::cli {

struct ExitsJobOptions {
    TrainedNetworkOptions network;
    std::string data, output;
    std::size_t batch = 1;
    std::optional<int> threads;
    bool restart = false;
};

// --weights, --network, --data, --output, --batch (with its default in `options`), --threads and --restart.
void add_exits_job_options(CLI::App& app, ExitsJobOptions& options, char const* data_help, char const* output_help,
                           char const* batch_help);

// What a job works on, before weights are packed.
struct ExitsJobInput {
    Network network;
    kernels::WeightsInfo weights;
    Calibration calibration;
    std::vector<study::DataSet> data;
};

// Labelled samples for a network. Throws InputError as DataSet does, and for samples that are all of one class.
study::DataSet labelled_data(std::string const& path, Network const& network, kernels::WeightsInfo const& weights);

class ExitsJob {
  public:
    virtual ~ExitsJob() = default;
    // file: the weights file. Throws InputError.
    virtual ExitsJobInput prepare(std::string const& file) = 0;
    // What every rank's threads do; the job keeps what they refer to.
    virtual exits::HandMaker hands(study::Workplace const& workplace) = 0;
    // Rank 0's part. Returns the exit status.
    virtual int lead(study::Workplace const& workplace, exits::Crew& crew) = 0;
};

// In one process, or among the ranks that a launcher started.
int do_job(ExitsJobOptions const& options, ExitsJob& job);

// A line now and then, or a bar on a terminal, of how far a phase of the job has come.
class ExitsReport {
  public:
    // what: "features"; unit: "batches". known: how many were done in an earlier call.
    void operator()(std::string const& what, std::string const& unit, std::size_t done, std::size_t count,
                    std::size_t known, double seconds_left);
    void clear();
    ExitsReport();
    ~ExitsReport();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace skipstone::cli

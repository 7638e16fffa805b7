#include "analysis/comparison.hpp"

#include <cmath>
#include <cstddef>

namespace skipstone::analysis {

std::vector<ComparedFigure> compare(std::vector<Analysis> const& analyses) {
    std::vector<ComparedFigure> figures;
    for (auto const& analysis : analyses) {
        auto const row = summary_row(analysis);
        if (figures.empty())
            for (auto const& [name, value] : row) figures.push_back({name, {}, {}, {}});
        for (std::size_t i = 0; i < row.size(); ++i) figures[i].values.push_back(row[i].second);
    }
    for (auto& figure : figures)
        for (double const value : figure.values) {
            double const first = figure.values.front();
            figure.differences.push_back(value - first);
            figure.relative.push_back(first == 0 ? none : (value - first) / std::abs(first));
        }
    return figures;
}

}  // namespace skipstone::analysis

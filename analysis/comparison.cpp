#include "analysis/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace skipstone::analysis {

std::vector<ComparedFigure> compare(std::vector<Analysis> const& analyses) {
    std::vector<ComparedFigure> figures;
    for (std::size_t a = 0; a < analyses.size(); ++a)
        for (auto const& [name, value] : summary_row(analyses[a])) {
            auto found = std::ranges::find(figures, name, &ComparedFigure::figure);
            if (found == figures.end())  // one that the others do not have
                found = figures.insert(found, {name, std::vector<double>(analyses.size(), none), {}, {}});
            found->values[a] = value;
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

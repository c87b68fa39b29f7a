// One segment read from its beginning to where its valid batches end, and what stands behind.
#ifndef IDEM_TOOL_SURVEY_H_
#define IDEM_TOOL_SURVEY_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "idem/file_system.h"
#include "log/log_reader.h"
#include "log/manifest.h"

namespace idem::engine {

struct SurveyedSegment {
  absl::Status status;  // not OK: the file cannot be read as this segment at all
  SegmentReader::HeaderState header_state = SegmentReader::HeaderState::kZero;
  SegmentHeader header;  // if it is valid
  SegmentEnd end;
  uint64_t end_offset = 0;  // where the next batch would stand
  uint64_t batches = 0;
  uint64_t records = 0;
  SegmentReader::Remains remains;
  int64_t store_ms = 0;

  bool has_header() const { return header_state == SegmentReader::HeaderState::kValid; }
};

using BatchVisitor =
    std::function<void(const SegmentReader& reader, const SegmentReader::ReadBatch& batch)>;

// `visit` is given every valid batch.
SurveyedSegment SurveySegment(FileSystem* files, const std::string& directory,
                              const ManifestSegment& segment, const BatchVisitor& visit = {});

}  // namespace idem::engine

#endif  // IDEM_TOOL_SURVEY_H_

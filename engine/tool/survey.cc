#include "tool/survey.h"

#include <algorithm>
#include <optional>

namespace idem::engine {
namespace {

absl::Status ReadBatches(SegmentReader& reader, const BatchVisitor& visit,
                         SurveyedSegment& survey) {
  while (true) {
    const absl::StatusOr<std::optional<SegmentReader::ReadBatch>> batch = reader.Next();
    if (!batch.ok()) return batch.status();
    if (!batch->has_value()) return absl::OkStatus();
    const BatchHeader& header = (*batch)->header;
    survey.batches += 1;
    survey.records += header.record_count;
    survey.store_ms = std::max(survey.store_ms, header.store_ms);
    if (visit) visit(reader, **batch);
  }
}

}  // namespace

SurveyedSegment SurveySegment(FileSystem* files, const std::string& directory,
                              const ManifestSegment& segment, const BatchVisitor& visit) {
  SurveyedSegment survey;
  absl::StatusOr<SegmentReader> reader = SegmentReader::Open(files, directory, segment);
  survey.status = reader.status();
  if (!reader.ok()) return survey;
  survey.header_state = reader->header_state();
  if (survey.has_header()) {
    survey.header = reader->header();
    survey.store_ms = survey.header.store_ms;
    survey.status = ReadBatches(*reader, visit, survey);
    survey.end = reader->end();
    survey.end_offset = reader->next_offset();
  }
  const absl::StatusOr<SegmentReader::Remains> remains = reader->ReadRemains();
  if (remains.ok()) survey.remains = *remains;
  survey.status.Update(remains.status());
  return survey;
}

}  // namespace idem::engine

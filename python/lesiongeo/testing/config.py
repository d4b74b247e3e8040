"""The labeling configuration that fits the synthetic exports."""

from .truth import LABELS, STATUSES

#: Answers to the question asked once per visit, in the order in which they are offered.
ASSESSMENTS = ("unchanged", "improved", "worse", "image_unusable")

_COLOURS = ("#8c564b", "#e41a1c", "#ff9f1c", "#5c6b73")

#: ``from_name`` of the control that holds the geometry, by the kind of region.
GEOMETRY_CONTROLS = {"polygon": "lesion", "rectangle": "lesion_box", "ellipse": "lesion_ellipse"}

#: Name of the image tag, ``to_name`` of every answer.
IMAGE_NAME = "photo"


def _labels(indent: str) -> str:
    rows = [f'<Label value="{label}" background="{colour}"/>' for label, colour in zip(LABELS, _COLOURS, strict=True)]
    return f"\n{indent}".join(rows)


def _choices(values: tuple[str, ...], indent: str) -> str:
    return f"\n{indent}".join(f'<Choice value="{value}"/>' for value in values)


#: Labeling configuration (XML) for the tasks of `make_export`: one page per visit, three drawing tools, per
#: region a track number, a status and free notes, and per visit one assessment.
LABELING_CONFIG = f"""\
<View>
  <Header value="Outline every lesion on every visit of this patient"/>
  <Text name="patient" value="$patient_id"/>
  <Image name="{IMAGE_NAME}" valueList="$images" zoomControl="true" brightnessControl="true"/>
  <PolygonLabels name="lesion" toName="{IMAGE_NAME}" strokeWidth="2" pointSize="small">
    {_labels("    ")}
  </PolygonLabels>
  <RectangleLabels name="lesion_box" toName="{IMAGE_NAME}" canRotate="true">
    {_labels("    ")}
  </RectangleLabels>
  <EllipseLabels name="lesion_ellipse" toName="{IMAGE_NAME}">
    {_labels("    ")}
  </EllipseLabels>
  <View visibleWhen="region-selected">
    <Header value="Track number: the same lesion keeps it on every visit"/>
    <Number name="track_id" toName="{IMAGE_NAME}" perRegion="true" min="1" step="1" required="true"/>
    <Header value="Since the visit before"/>
    <Choices name="lesion_status" toName="{IMAGE_NAME}" perRegion="true" choice="single" required="true">
      {_choices(STATUSES, "      ")}
    </Choices>
    <TextArea name="notes" toName="{IMAGE_NAME}" perRegion="true" maxSubmissions="1"/>
  </View>
  <Header value="This visit as a whole"/>
  <Choices name="visit_assessment" toName="{IMAGE_NAME}" perItem="true" choice="single">
    {_choices(ASSESSMENTS, "    ")}
  </Choices>
</View>
"""

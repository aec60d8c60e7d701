// Made by edgevision for the model {{name}} ({{sha256}}).
import CoreVideo
import Foundation
import MediaPipeTasksVision

/// An object with its score, 0 to 1, and its box in pixels of the frame. The name is nil if the model has no labels.
struct Answer {
    let index: Int
    let name: String?
    let score: Float
    let box: CGRect
}

enum ImageModelError: Error {
    case missingFile(String)
    case unreadableFrame
}

/// Finds objects of {{classes}}. It belongs to one queue.
final class ImageModel {
    private let detector: ObjectDetector

    init() throws {
        guard let path = Bundle.main.path(forResource: "{{stem}}", ofType: "tflite") else {
            throw ImageModelError.missingFile("{{file}}")
        }
        let options = ObjectDetectorOptions()
        options.baseOptions.modelAssetPath = path
        options.runningMode = .image
        options.scoreThreshold = {{threshold}}
        detector = try ObjectDetector(options: options)
    }

    /// Returns the objects in an upright frame, best first.
    func answers(for frame: CVPixelBuffer) throws -> [Answer] {
        let place = ModelInput.placement(
            width: CVPixelBufferGetWidth(frame), height: CVPixelBufferGetHeight(frame))
        guard let input = ModelInput.prepare(frame, place: place) else { throw ImageModelError.unreadableFrame }
        let result = try detector.detect(image: MPImage(pixelBuffer: input))
        return result.detections.compactMap { found in
            guard let best = found.categories.first else { return nil }
            return Answer(
                index: Int(best.index), name: best.categoryName, score: best.score,
                box: place.toImage(found.boundingBox))
        }
    }
}

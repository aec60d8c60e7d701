// Made by edgevision for the model {{name}} ({{sha256}}).
import CoreVideo
import Foundation
import MediaPipeTasksVision

/// A class with its score{{score_range}}. The name is nil if the model has no labels.
struct Answer {
    let index: Int
    let name: String?
    let score: Float
}

enum ImageModelError: Error {
    case missingFile(String)
    case unreadableFrame
}

/// Recognizes {{classes}}. It belongs to one queue.
final class ImageModel {
    private let classifier: ImageClassifier

    init() throws {
        guard let path = Bundle.main.path(forResource: "{{stem}}", ofType: "tflite") else {
            throw ImageModelError.missingFile("{{file}}")
        }
        let options = ImageClassifierOptions()
        options.baseOptions.modelAssetPath = path
        options.runningMode = .image
        options.maxResults = {{max_results}}
        //[threshold]
        options.scoreThreshold = {{threshold}}
        //[end]
        classifier = try ImageClassifier(options: options)
    }

    /// Returns the classes that an upright frame shows, best first{{below_threshold}}.
    func answers(for frame: CVPixelBuffer) throws -> [Answer] {
        let place = ModelInput.placement(
            width: CVPixelBufferGetWidth(frame), height: CVPixelBufferGetHeight(frame))
        guard let input = ModelInput.prepare(frame, place: place) else { throw ImageModelError.unreadableFrame }
        let result = try classifier.classify(image: MPImage(pixelBuffer: input))
        let categories = result.classificationResult.classifications.first?.categories ?? []
        return categories.map { Answer(index: Int($0.index), name: $0.categoryName, score: $0.score) }
    }
}
